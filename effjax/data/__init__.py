"""Images in, uint8 batches out; and the part of augmentation that runs on the device."""

from effjax.data.config import AugmentConfig, DataConfig, MixConfig
from effjax.data.loader import Batches, Split, open_split, open_training
from effjax.data.mix import mix_batch, normalise
from effjax.data.sources.own import ImageSource

__all__ = [
    "AugmentConfig",
    "Batches",
    "DataConfig",
    "ImageSource",
    "MixConfig",
    "Split",
    "mix_batch",
    "normalise",
    "open_split",
    "open_training",
]
