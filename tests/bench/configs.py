"""Benchmarks of seconds: a quadratic of six dimensions, and a perceptron on digits."""

import numpy as np

from effjax.bench import bench, empty_config, optimizer, workload
from effjax.bench.results import read_rows
from effjax.bench.schema import OptimizerConfig, TuningConfig
from effjax.bench.tuning import make_trials
from effjax.config import View, to_config
from effjax.report.progress import Quiet

DIGITS = View(
    workload(model={"widths": (16,), "l2": 0.0}, max_steps=20, eval_every=8, batch_size=32)
)


def small_workload():
    return workload(
        problem="quadratic",
        model={"dim": 6, "condition": 10.0, "noise": 0.01, "rotated": False},
        metric="val/loss",
        target=2.0,
        max_steps=20,
        eval_every=5,
    )


def small_config(**optimizers):
    """One workload, AdamW and SGD with two rates and two seeds: eight trials."""
    config = empty_config()
    config.workloads.easy = small_workload()
    config.optimizers.update(
        adamw=optimizer(name="adamw", learning_rate=0.1),
        sgd=optimizer(name="sgd", learning_rate=0.3),
        **optimizers,
    )
    config.tuning.update(factors=(0.3, 1.0), seeds=(0, 1))
    config.population.update(mode="vmap", update_cost=False)
    return config


def run(config, folder, **arguments):
    return bench(config, folder, **{"display": Quiet(), **arguments})


def curves(folder):
    """What must not depend on how often a run was interrupted."""
    return {row["key"]: (row["status"], row["values"]) for row in read_rows(folder)}


def trials_of(label, count, **fields):
    """Learning rates from 1e-3 to 1e-2, two seeds each."""
    entry = to_config(OptimizerConfig)
    entry.update(name=label, learning_rate=1e-2, **fields)
    tuning = to_config(TuningConfig)
    tuning.update(factors=tuple(np.geomspace(0.1, 1.0, count // 2).tolist()), seeds=(0, 1))
    return make_trials(label, View(entry), View(tuning), "cosine")
