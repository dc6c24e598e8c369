"""Learnable scales of skips and branches.

Source: MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452: residual scale, layer
        scale and branch scale.
Score: the paper finds residual scale the best of them, by tenths of a percent.
Cost: 12 runs, about 12 minutes on two CPU cores.
Run: effjax sweep --config=configs/ablations/scales.py
"""

import ml_collections
from _digits import STAGES, quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep

NONE = (None,) * STAGES
VARIANTS = {
    "skips in stages 3 and 4": {},
    "none": {"model.residual_scale": NONE},
    "skips everywhere": {"model.residual_scale": (1.0,) * STAGES},
    "branches from 1e-5 (layer scale)": {
        "model.residual_scale": NONE,
        "model.layer_scale": (1e-5,) * STAGES,
    },
    "branches from 1": {"model.residual_scale": NONE, "model.layer_scale": (1.0,) * STAGES},
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("caformer_s18")


def sweep(arg: str | None = None) -> Sweep:
    """The variants; `quick` trains each with one seed."""
    if arg == "quick":
        return Sweep(dict(list(VARIANTS.items())[:2]), seeds(arg))
    return Sweep(VARIANTS, seeds(arg))
