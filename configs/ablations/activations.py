"""The activation between the two linear layers of a block.

Source: MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452: StarReLU takes 4
        operations a value where GELU takes 14.
Score: the paper reports StarReLU above GELU above ReLU, by a few tenths of a percent.
Cost: 15 runs, about 15 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/activations.py
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

VARIANTS = {
    name: {"model.mlp_activation": name}
    for name in ("star_relu", "gelu", "relu", "squared_relu", "silu")
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("poolformerv2_s12")


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
