"""Optimizers on problems of seconds: two quadratics, Rosenbrock, logistic regression, an MLP.

Score: none to expect; the report says which differences are larger than chance. Targets are those
       of configs/bench/targets/smoke.json, which says how they were made.
Cost: under a minute on two CPU cores.
Run: effjax bench --config=configs/bench/smoke.py
"""

from pathlib import Path

import ml_collections

from effjax.bench import empty_config, optimizer, use_targets, workload

TARGETS = Path(__file__).parent / "targets/smoke.json"

WORKLOADS = {
    "quadratic_easy": workload(
        problem="quadratic",
        model={"dim": 100, "condition": 1e2, "noise": 0.02, "rotated": True},
        metric="val/loss",
        max_steps=200,
        eval_every=5,
    ),
    "quadratic_hard": workload(
        problem="quadratic",
        model={"dim": 100, "condition": 1e4, "noise": 0.02, "rotated": True},
        metric="val/loss",
        max_steps=200,
        eval_every=5,
    ),
    "rosenbrock": workload(
        problem="rosenbrock",
        model={"dim": 10, "noise": 0.0},
        metric="val/loss",
        max_steps=400,
        eval_every=10,
    ),
    "logistic": workload(
        problem="mlp",
        model={"widths": (), "l2": 1e-4},
        metric="val/loss",
        max_steps=200,
        eval_every=5,
    ),
    "digits_mlp": workload(
        problem="mlp",
        model={"widths": (32, 32), "l2": 0.0},
        metric="val/error",
        batch_size=32,
        max_steps=300,
        eval_every=10,
    ),
}

OPTIMIZERS = {
    "adamw": optimizer(name="adamw", learning_rate=3e-2, weight_decay=1e-3),
    "adan": optimizer(name="adan", learning_rate=1e-1, weight_decay=1e-3),
    "adamw_win": optimizer(name="adamw_win", learning_rate=3e-2, weight_decay=1e-3),
    "sgd_nesterov": optimizer(name="sgd", learning_rate=0.1, momentum=0.9, nesterov=True),
    "lion": optimizer(name="lion", learning_rate=1e-2, weight_decay=1e-3),
}


def get_config() -> ml_collections.ConfigDict:
    """The whole comparison."""
    config = empty_config()
    config.workloads.update(WORKLOADS)
    config.optimizers.update(OPTIMIZERS)
    config.tuning.factors = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    use_targets(config.workloads, TARGETS)
    config.claims = (("adan", 2.0), ("adamw_win", 1.5))
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Two workloads, two optimizers and two seeds."""
    for label in ("quadratic_hard", "rosenbrock", "logistic"):
        del config.workloads[label]
    for label in ("adan", "sgd_nesterov", "lion"):
        del config.optimizers[label]
    config.claims = (("adamw_win", 1.5),)
    config.tuning.update(factors=(0.3, 1.0), seeds=(0, 1))
