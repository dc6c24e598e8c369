"""How blocks normalise: all of a map, each position, each channel over the batch, not at all.

Source: MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418, table 5.
Score: on ImageNet-1k, 300 epochs, PoolFormer-S12: one group 77.2, layer 76.5, batch 76.4,
       none 46.1.
Cost: 12 runs, about 12 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/norms.py
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

VARIANTS = {
    "one group": {},
    "layer": {"model.norm": "layer"},
    "batch": {"model.norm": "batch"},
    "none": {"model.norm": "none"},
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("poolformerv2_s12")


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
