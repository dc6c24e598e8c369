"""effjax: efficient image models, trained efficiently, in JAX."""

import importlib
import pkgutil
from typing import Any

from effjax.moved import register_gone_modules
from effjax.tasks import evaluators
from effjax.tasks.registry import look_in
from effjax.version import VERSION as __version__

# the registry of tasks lies below the rooms that add to it
look_in("effjax.search")
look_in("effjax.compress")
evaluators.look_in("effjax.sample.while_training")

# public name -> module; loaded at first use, so that `import effjax` is quick
_PUBLIC = {
    "create_model": "effjax.models",
    "list_models": "effjax.models",
    "load": "effjax.trained.load",
    "load_weights": "effjax.models",
    "save_weights": "effjax.models",
    "add_optimizer": "effjax.runs.schema",
    "add_view": "effjax.runs.schema",
    "default_config": "effjax.runs.schema",
    "train": "effjax.tasks.run",
    "Evaluator": "effjax.contract",
    "Source": "effjax.contract",
    "Task": "effjax.contract",
    "TrainState": "effjax.contract",
    "UserError": "effjax.errors",
}
# every room is an attribute: `effjax.search` needs no import of its own
_ROOMS = [module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"]

__all__ = ["__version__", *_PUBLIC, *_ROOMS]

register_gone_modules()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"effjax.{name}")
    raise AttributeError(f"module 'effjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
