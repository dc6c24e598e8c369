"""effjax: efficient image models, trained efficiently, in JAX."""

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module; loaded at first use, so that `import effjax` is quick
_PUBLIC = {
    "create_model": "effjax.models",
    "list_models": "effjax.models",
    "load_weights": "effjax.models",
    "save_weights": "effjax.models",
    "add_optimizer": "effjax.train",
    "default_config": "effjax.train",
    "train": "effjax.train",
    "UserError": "effjax.errors",
}
_ROOMS = (
    "bench",
    "config",
    "data",
    "errors",
    "evaluate",
    "models",
    "ops",
    "optim",
    "report",
    "sweep",
    "train",
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
