"""A denoiser of points in the plane beside the exact one: EDM against FDM at each noise level.

Score: docs/generate.md has the table of ten seeds; each level: val_ema/sigma*_error.
Cost: about half a minute on two CPU cores.
Run: effjax train --config=configs/generate/mixture.py
     effjax sweep --config=configs/generate/mixture.py (both, ten seeds: a minute)
Args: edm, fdm (the momentum's input scaling, and bounded weights at first).
"""

import ml_collections

import effjax
from effjax.sweep import Sweep

ARGS = ("edm", "fdm")
FDM = {"momentum": 2.0, "weight_warmup": 200}


def get_config(arg: str | None = None) -> ml_collections.ConfigDict:
    """EDM, or FDM."""
    config = effjax.default_config()
    config.total_steps = 1500.0
    config.task.name = "mixture"
    if arg == "fdm":
        config.task.update(FDM)
    config.data.batch_size = 256
    config.optim.default.update(name="adam", learning_rate=3e-3)
    config.schedule.update(name="cosine", warmup_steps=100.0)
    config.ema.decay = 0.99
    config.evals.val.update(evaluator="exact", every_percent=25.0)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    config.total_steps = 20.0
    config.schedule.warmup_steps = 0.0


def sweep(arg: str | None = None) -> Sweep:
    """EDM and FDM; `quick` has one of them and one seed."""
    if arg == "quick":
        return Sweep({"EDM": {}}, (0,), "val_ema/error")
    fdm = {f"task.{key}": value for key, value in FDM.items()}
    return Sweep({"EDM": {}, "FDM": fdm}, tuple(range(10)), "val_ema/error")
