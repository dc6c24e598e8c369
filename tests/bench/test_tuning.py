"""Settings that the protocols give to an optimizer."""

import pytest

from effjax.bench.schema import OptimizerConfig, TuningConfig
from effjax.bench.tuning import OptimizerTrial, digest, make_settings, make_trials
from effjax.config import View, to_config


def test_random_protocol_gives_all_the_same_points():
    tuning = to_config(TuningConfig)
    tuning.update(protocol="random", trials=5)
    found = {}
    rates = {"adamw": 1e-3, "sgd": 0.1}
    for name, rate in rates.items():
        entry = to_config(OptimizerConfig)
        entry.update(name=name, learning_rate=rate)
        found[name] = make_settings(name, View(entry), View(tuning))
    factors = [[s["learning_rate"] / rates[n] for s in found[n]] for n in rates]
    assert factors[0] == pytest.approx(factors[1], rel=1e-4)
    assert all(0.5 <= s["b1"] <= 0.98 for s in found["adamw"])
    assert all("b1" not in s for s in found["sgd"])


def test_a_grid_of_rates_and_their_seeds():
    tuning = to_config(TuningConfig)
    tuning.update(factors=(0.1, 3.0), seeds=(4, 5))
    entry = to_config(OptimizerConfig)
    entry.update(name="adamw", learning_rate=0.01, b1=0.8)
    trials = make_trials("mine", View(entry), View(tuning), "cosine")
    assert [trial.settings["learning_rate"] for trial in trials] == [0.001, 0.001, 0.03, 0.03]
    assert [(trial.seed, trial.number) for trial in trials] == [(4, 0), (5, 0), (4, 1), (5, 1)]
    assert {trial.settings["b1"] for trial in trials} == {0.8}
    assert {trial.variant for trial in trials} == {"mine"}


def test_the_key_is_that_of_rows_on_disk():
    """Rows of older revisions are found by it."""
    settings = {"learning_rate": 0.0009, "weight_decay": 0.001}
    trial = OptimizerTrial(
        variant="any label",
        seed=0,
        settings=settings,
        name="adamw",
        number=7,
        schedule="cosine",
    )
    assert trial.key("867faa3215866561") == "b95f8f98d53228ae"
    assert digest({"b": 1, "a": (2,)}) == digest({"a": [2], "b": 1})
