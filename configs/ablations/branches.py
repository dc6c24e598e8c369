"""What the parts of a block are worth: skip connections, channel MLP, token mixing.

Source: MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418, table 5.
Score: on ImageNet-1k, 300 epochs, PoolFormer-S12: whole 77.2, without skips 0.1, without channel
       MLP 2.5, without token mixing 74.3.
Cost: 12 runs, about 12 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/branches.py
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

VARIANTS = {
    "whole block": {},
    "no skip connections": {"model.skips": False},
    "no channel MLP": {"model.channel_mlp": False},
    "no token mixing": {"model.mixers": ("identity",) * 4},
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("poolformerv2_s12")


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
