"""Learning rate and weight decay of Adan: points that fill the space, or that Optuna picks.

Source: Adan, https://arxiv.org/abs/2208.06677, names these two as the sensitive ones.
Score: none to expect; what differs by less than the deviation over seeds is not different.
Cost: 36 runs, about 35 minutes on two CPU cores; a third of it with --search=optuna (one seed).
Run: effjax sweep --config=configs/ablations/rates.py
     effjax sweep --config=configs/ablations/rates.py --search=optuna
     effjax sweep --config=configs/ablations/rates.py --runner=ray --scheduler=asha --search=optuna
"""

import ml_collections
from _digits import quick, seeds, small_metaformer  # noqa: F401  `quick` is for the loader

from effjax.sweep import Sweep, halton, log

RANGES = {
    "optim.default.learning_rate": log(3e-4, 3e-2),
    "optim.default.weight_decay": log(1e-3, 2e-1),
}


def get_config() -> ml_collections.ConfigDict:
    """The base."""
    return small_metaformer("poolformerv2_s12")


def sweep(arg: str | None = None) -> Sweep:
    """Twelve points; two for `quick`."""
    return Sweep(halton(RANGES, 2 if arg == "quick" else 12), seeds(arg))
