"""Tasks by name. One file adds a task: the decorator registers it where its module is imported.

    @register_task("contrast", "two views of an image agree")
    class Contrast(Task): ...

The modules of a room are imported when a name is asked for that is not known yet, so that
`import effjax` stays quick. Rooms above this one are named by the top of the package (`look_in`).
This file imports no JAX for the same reason.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from effjax import plugins
from effjax.registry import Registry


def _is_task(found: Any) -> bool:
    from effjax.contract import Task  # brings in JAX

    return inspect.isclass(found) and issubclass(found, Task)


TASKS: Registry[type] = Registry(
    "task", "--config.task.name=package.module:Class", _is_task, "subclass of Task"
)
_rooms = [__package__]


def register_task(name: str, line: str) -> Callable[[type], type]:
    """Makes a subclass of `effjax.Task` known as `config.task.name`.

    Args:
      name: what a config says.
      line: one line that describes the task, for lists and help.
    """
    return TASKS.register(name, line)


def look_in(room: str) -> None:
    """Names a package whose modules register tasks."""
    if room not in _rooms:
        _rooms.append(room)


def list_tasks() -> dict[str, str]:
    """{name: one line} of all tasks."""
    for room in _rooms:
        _import_modules(room)
    return TASKS.lines()


def find_task(name: str) -> Any:
    """The task class of a registered name or of "package.module:Class".

    Raises:
      UserError: unknown name, or nothing of that name in the module.
    """
    for room in _rooms:
        if name in TASKS.entries or plugins.is_plugin(name):
            break  # the rooms above need not be imported
        _import_modules(room)
    return TASKS.find(name)


def _import_modules(room: str) -> None:
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        importlib.import_module(module.name)
