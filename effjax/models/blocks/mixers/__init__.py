"""Token mixers: the part in which the MetaFormers differ, a file each.

Every file of this folder is imported, so that a new mixer is one new file.
"""

import importlib
import pkgutil

from effjax.models.blocks.mixers.attention import Attention
from effjax.models.blocks.mixers.identity import Identity
from effjax.models.blocks.mixers.mixer import (
    MIXERS,
    TokenMixer,
    find_mixer,
    list_mixers,
    register_mixer,
)
from effjax.models.blocks.mixers.pooling import Pooling
from effjax.models.blocks.mixers.random_matrix import Random
from effjax.models.blocks.mixers.separable_conv import SeparableConv

__all__ = [
    "MIXERS",
    "Attention",
    "Identity",
    "Pooling",
    "Random",
    "SeparableConv",
    "TokenMixer",
    "find_mixer",
    "list_mixers",
    "register_mixer",
]

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
