"""effjax: efficient image models, trained efficiently, in JAX."""

import importlib
from typing import Any

from effjax.version import VERSION as __version__

# public name -> module; loaded at first use, so that `import effjax` is quick
_PUBLIC = {
    "create_model": "effjax.models",
    "list_models": "effjax.models",
    "load_weights": "effjax.models",
    "save_weights": "effjax.models",
    "add_optimizer": "effjax.runs.schema",
    "default_config": "effjax.runs.schema",
    "train": "effjax.training",
    "Evaluator": "effjax.contract",
    "Source": "effjax.contract",
    "Task": "effjax.contract",
    "TrainState": "effjax.contract",
    "UserError": "effjax.errors",
}
_ROOMS = (
    "bench",
    "config",
    "contract",
    "data",
    "devices",
    "errors",
    "evaluate",
    "export",
    "inspect",
    "models",
    "ops",
    "optim",
    "report",
    "runs",
    "search",
    "sweep",
    "tasks",
    "trained",
    "training",
    "trials",
)

__all__ = ["__version__", *_PUBLIC, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"effjax.{name}")
    raise AttributeError(f"module 'effjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
