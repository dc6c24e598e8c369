"""Optimizers on problems of which theory says the answer: variances, exit times, gaps.

Nothing is tuned: a constant rate, the same for all, as the answers are for one. The formulas are
in known.py and linear.py of effjax/bench/problems.

Score: by the formulas SGD settles at 0.00274 on noisy_quadratic, Lookahead at 0.00131, the heavy
       ball at 0.0271; SGD loses 50 % of the paths of stable_basin, and has 0.0525 left of
       hard_sum after 400 updates.
Cost: under a minute on two CPU cores.
Run: effjax bench --config=configs/bench/theory.py
"""

import ml_collections

from effjax.bench import empty_config, optimizer, workload

RATE = 0.05
CONSTANT = {"metric": "val/loss", "schedule": "constant", "warmup_percent": 0.0}

WORKLOADS = {
    "noisy_quadratic": workload(
        problem="noisy_quadratic",
        model={"dim": 1000, "condition": 10.0},
        max_steps=1000,
        eval_every=50,
        **CONSTANT,
    ),
    "stable_basin": workload(
        problem="stable_basin",
        model={"paths": 1000, "alpha": 1.2, "noise": 0.1},
        max_steps=1000,
        eval_every=50,
        **CONSTANT,
    ),
    "finite_sum": workload(
        problem="finite_sum",
        model={"examples": 256, "dim": 16, "condition": 50.0, "noise": 0.1},
        batch_size=16,
        max_steps=1000,
        eval_every=50,
        **CONSTANT,
    ),
    "least_squares": workload(
        problem="least_squares",
        model={"examples": 64, "dim": 16, "noise": 0.5},
        batch_size=16,
        max_steps=1000,
        eval_every=50,
        **CONSTANT,
    ),
    "hard_sum": workload(
        problem="hard_sum",
        model={"examples": 256, "dim": 16, "condition": 1000.0, "noise": 0.0},
        batch_size=256,
        max_steps=400,
        eval_every=50,
        **CONSTANT,
    ),
    "ridge": workload(
        problem="ridge",
        model={"examples": 512, "dim": 64, "noise": 0.5, "penalty": 0.02},
        batch_size=512,
        max_steps=1000,
        eval_every=50,
        **CONSTANT,
    ),
}

OPTIMIZERS = {
    "sgd": optimizer(name="sgd", learning_rate=RATE),
    "heavy_ball": optimizer(name="sgd", learning_rate=RATE, momentum=0.9),
    "lookahead": optimizer(
        name="lookahead", inner="sgd", learning_rate=RATE, slow_step_size=0.5, sync_period=5
    ),
    "adam": optimizer(name="adam", learning_rate=RATE),
    "adan": optimizer(name="adan", learning_rate=RATE),
}


def get_config() -> ml_collections.ConfigDict:
    """All problems, three seeds."""
    config = empty_config()
    config.workloads.update(WORKLOADS)
    config.optimizers.update(OPTIMIZERS)
    config.tuning.protocol = "defaults"
    config.update(reference="sgd", targets_from=("sgd",))
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Two problems, two optimizers, two seeds."""
    for label in ("finite_sum", "least_squares", "hard_sum", "ridge"):
        del config.workloads[label]
    for label in ("heavy_ball", "adam", "adan"):
        del config.optimizers[label]
    for section in config.workloads.values():
        section.update(max_steps=100, eval_every=50)
    config.tuning.seeds = (0, 1)
