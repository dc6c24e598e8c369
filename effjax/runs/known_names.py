"""Unknown tasks, losses, models, optimizers, schedules, keys: refused before JAX is imported.

The registries that know the names take seconds to import. What they know is kept in the user's
cache folder, for as long as the files that they are made from are the same.
"""

import contextlib
import hashlib
import inspect
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from effjax import plugins
from effjax.config.schema import declared_keys
from effjax.errors import UserError, nearest
from effjax.runs.atomic import write_atomically
from effjax.runs.schema import ModelConfig, OptimConfig, ScheduleConfig
from effjax.startup import cache_folder

# {"task", "loss", "evaluator", "model", "optimizer" or "schedule": {name: what it is}} and
# {"fields": {architecture: keys}}: a model is the name of its architecture, an optimizer or a
# schedule the list of its keys
Names = dict[str, dict[str, Any]]
PACKAGE = Path(__file__).parents[1]
# To import all tasks takes five seconds; their names stand in the files.
REGISTERED = re.compile(r'^@register_(task|loss|evaluator)\(\s*"(\w+)"', re.MULTILINE)
OWN = {  # how a user names one of his own
    "task": "--config.task.name=package.module:Class",
    "loss": "--config.task.loss=package.module:function",
    "evaluator": "--config.evals.val.evaluator=package.module:Class",
}
KEPT = "names.json"


def check_names(config: Any) -> None:
    """Refuses a name that nothing is registered by, and a key that what it names does not have.

    A name that user code registers, or that a run's record knows, is left to the registries.

    Args:
      config: of a run, with all its keys.

    Raises:
      UserError: naming it, and the nearest.
    """
    if "effjax.models" in sys.modules or "effjax.optim" in sys.modules:
        return  # a config file has imported them: it may register names, which they know best
    known = known_names()
    # in the words of the registries, which say it where they are imported already
    _check_registered("task", config.task.name, known)
    if config.task.name == "classification":  # others have losses and evaluators of their own
        _check_registered("loss", config.task.get("loss"), known)
        for section in config.evals.values():
            _check_registered("evaluator", section.evaluator, known)
    _check_model(config.model, known)
    for group, section in config.optim.items():
        _check_optimizer(group, section, known)
    _check_schedule(config.schedule, known)


def _check_registered(kind: str, name: Any, known: Names) -> None:
    # a key that is not set, or no text, is left to the task
    if isinstance(name, str) and _is_unknown(kind, name, known):
        raise UserError(
            f"unknown {kind} {name!r}; {nearest(name, known[kind])}\nyour own: {OWN[kind]}"
        )


def _check_model(section: Any, known: Names) -> None:
    name = _architecture(section.name)
    if _is_unknown("model", name, known):
        hint = nearest(name, known["model"])
        listed = "`effjax models` lists the models that there are"
        raise UserError(f"unknown model {name!r}: {hint}\n{listed}")
    kind = known["model"].get(name)
    fields = known["fields"].get(kind)
    for key in _unknown_keys(section, ModelConfig, fields):
        hint = nearest(key, fields)
        raise UserError(f"config.model: model {name!r} has no field {key!r}: {hint}")


def _check_optimizer(group: str, section: Any, known: Names) -> None:
    name = section.name
    if _is_unknown("optimizer", name, known):
        hint = nearest(name, known["optimizer"])
        raise UserError(f"config.optim.{group}: unknown optimizer {name!r}: {hint}")
    words = known["optimizer"].get(name)
    for key in _unknown_keys(section, OptimConfig, words):
        hint = nearest(key, words)
        raise UserError(
            f"config.optim.{group}: optimizer {name!r} has no hyperparameter {key!r}: {hint}"
        )


def _check_schedule(section: Any, known: Names) -> None:
    name = section.name
    if _is_unknown("schedule", name, known):
        hint = nearest(name, known["schedule"])
        own = "your own: --config.schedule.name=package.module:function"
        raise UserError(f"config.schedule: unknown schedule {name!r}; {hint}\n{own}")
    words = known["schedule"].get(name)
    for key in _unknown_keys(section, ScheduleConfig, words):
        hint = nearest(key, words)
        raise UserError(f"config.schedule: schedule {name!r} has no field {key!r}: {hint}")


def _unknown_keys(section: Any, schema: type, words: list[str] | None) -> list[str]:
    """Keys of a section that are neither in its schema nor among `words` (None: any may be)."""
    if words is None:
        return []
    return [key for key in section if key not in {*declared_keys(schema), *words}]


def known_names() -> Names:
    """The names that effjax itself registers; kept on disk."""
    stamp = _stamp()
    place = _place()
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(place.read_text())
        if kept["stamp"] == stamp:
            return kept["names"]
    names = registered_names()
    # a folder that cannot be written to: they are looked up again next time
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, json.dumps({"stamp": stamp, "names": names}))
    return names


def registered_names() -> Names:
    """The same from the registries, which takes seconds."""
    from effjax import models, optim
    from effjax.models.registry import entry

    kinds, fields = {}, {}
    for name in _ours("model", models.list_models(kind=None)):
        kinds[name] = type(entry(name).architecture).__name__
        fields[kinds[name]] = list(models.default_fields(name))
    optimizers = {}
    arguments = list(inspect.signature(optim.create).parameters)
    entries = optim.list_optimizers()
    for name in _ours("optimizer", entries):
        info = entries[name]
        # what goes around another optimizer has its keys too
        optimizers[name] = [*info.hyperparameters, *arguments] if info.wraps is None else None
    schedules = {}
    arguments = list(inspect.signature(optim.create_schedule).parameters)
    entries = optim.list_schedules()
    for name in _ours("schedule", entries):
        schedules[name] = [*entries[name].fields, *arguments]
    return {
        **_names_in_files(),
        "model": kinds,
        "fields": fields,
        "optimizer": optimizers,
        "schedule": schedules,
    }


def _names_in_files() -> Names:
    """{"task", "loss" or "evaluator": {name: None}}."""
    found: Names = {kind: {} for kind in OWN}
    for path in sorted(PACKAGE.rglob("*.py")):
        for kind, name in REGISTERED.findall(path.read_text()):
            found[kind][name] = None
    return found


def _ours(kind: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if not plugins.is_known(kind, name)]


def _is_unknown(kind: str, name: str, known: Names) -> bool:
    is_elsewhere = plugins.is_plugin(name) or plugins.is_known(kind, name)
    # "runs/x", or a folder beside, may be that of a run
    is_path = kind == "model" and ("/" in name or Path(name).exists())
    return name not in known[kind] and not is_elsewhere and not is_path


def _architecture(name: str) -> str:
    """ "caformer_s18.sail_in1k" -> "caformer_s18"; a path as it is."""
    if "/" in name or plugins.is_plugin(name):
        return name
    return name.partition(".")[0].partition(":")[0]


def _place() -> Path:
    if os.environ.get("EFFJAX_CACHE") == "off":
        return Path(os.devnull) / KEPT  # a file is no folder: nothing is found or written
    return cache_folder().parent / KEPT


def _stamp() -> str:
    """Changes with the files that register names."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(PACKAGE.rglob("*.py")):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
