"""What mixes tokens: pooling, nothing, a random matrix, convolution, attention, and both.

Source: MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418, table 5;
        MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452.
Score: on ImageNet-1k, 300 epochs, PoolFormer-S12: pooling 77.2, identity 74.3, and 81.0 with
       attention in the last two stages.
Cost: 21 runs, about 20 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/mixers.py
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

CONV, ATTENTION = ("separable_conv",), ("attention",)
VARIANTS = {
    "pooling": {},
    "identity": {"model.mixers": ("identity",) * 4},
    "random": {"model.mixers": ("identity", "identity", "random", "random")},
    "convolution": {"model.mixers": CONV * 4, "model.kernel_sizes": (7,) * 4},
    "attention": {"model.mixers": ATTENTION * 4},
    "conv, conv, attention, attention": {
        "model.mixers": CONV * 2 + ATTENTION * 2,
        "model.kernel_sizes": (7,) * 4,
    },
    "pool, pool, attention, attention": {"model.mixers": ("pooling",) * 2 + ATTENTION * 2},
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("poolformerv2_s12")


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
