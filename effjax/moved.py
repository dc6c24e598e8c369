"""Names that have moved: the old ones still work for one release, with a DeprecationWarning.

`MOVED` is the only table. A package that has lost names asks it:

    from effjax.moved import old_names

    __getattr__ = old_names(__name__)

Places are written without "effjax.": this file is on the ground floor and imports a room only when
a user asks for one of its old names.
"""

import importlib
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

# old module -> {name: its module today}
MOVED = {
    "train": {
        "Evaluator": "contract",
        "OptimConfig": "runs.schema",
        "RunConfig": "runs.schema",
        "Source": "contract",
        "Task": "contract",
        "TrainState": "contract",
        "add_optimizer": "runs.schema",
        "default_config": "runs.schema",
        "train": "tasks.run",
    },
    "ops": {
        "patch_conv": "ops.conv",
        "patch_conv_reference": "ops.conv",
    },
    "search": {
        "Cost": "costs",
        "Found": "search.kernel_sizes",
        "KernelSearch": "search.kernel_sizes",
        "MASKS": "search.kernel_sizes",
        "SearchConfig": "search.kernel_sizes",
        "Site": "search.kernel_sizes",
        "Sizes": "search.kernel_sizes",
        "energy_sizes": "search.kernel_sizes",
        "find_sites": "search.kernel_sizes",
        "read_off": "search.kernel_sizes",
        "repair": "search.kernel_sizes",
        "with_sizes": "search.kernel_sizes",
    },
}
# where a name is called something else today: (old module, old name) -> new name
RENAMED: dict[tuple[str, str], str] = {
    ("ops", "patch_conv"): "conv",
    ("ops", "patch_conv_reference"): "conv_reference",
    ("search", "Cost"): "CostModel",
}
# modules of which nothing is left but their old names
GONE = ("train",)


def old_names(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that has lost names; `module` is its `__name__`."""
    place = module.removeprefix("effjax.")

    def find(name: str) -> Any:
        if name not in MOVED[place]:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new_module = f"effjax.{MOVED[place][name]}"
        new_name = RENAMED.get((place, name), name)
        warnings.warn(
            f"{module}.{name} is {new_module}.{new_name} now; the old name works for one release",
            DeprecationWarning,
            stacklevel=2,
        )
        value = getattr(importlib.import_module(new_module), new_name)
        # kept, so that each name warns once: `from a import b` looks for b more than once
        setattr(sys.modules[module], name, value)
        return value

    return find


def register_gone_modules() -> None:
    """Lets `from effjax.train import Task` work without a module of that name.

    An entry of `sys.modules` is found before the file system is searched, and unlike a file it is
    not written over `effjax.train`, which is the function.
    """
    for place in GONE:
        name = f"effjax.{place}"
        module = types.ModuleType(name, "What was here has moved; see effjax.moved.")
        module.__getattr__ = old_names(name)
        module.__all__ = list(MOVED[place])
        sys.modules.setdefault(name, module)
