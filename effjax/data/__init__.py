"""Images in, uint8 batches out; and the part of augmentation that runs on the device."""

import importlib
from typing import Any

from effjax.data.config import AugmentConfig, DataConfig, MixConfig, ViewConfig

# public name -> module; loaded at first use: a config is checked before JAX is imported
_LAZY = {
    "Batches": "effjax.data.workers",
    "ImageSource": "effjax.data.sources.own",
    "Split": "effjax.data.split",
    "open_split": "effjax.data.loader",
    "open_training": "effjax.data.loader",
    "mix_batch": "effjax.data.mix",
    "normalise": "effjax.data.mix",
    "read_statistics": "effjax.data.tools.statistics",
}

__all__ = ["AugmentConfig", "DataConfig", "MixConfig", "ViewConfig", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'effjax.data' has no attribute {name!r}")
