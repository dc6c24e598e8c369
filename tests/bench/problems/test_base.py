"""Scores over valid examples, the table of problems, the hash of data."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.bench.problems.base import (
    PROBLEMS,
    Problem,
    classification_scores,
    make_problem,
    problem,
)
from effjax.bench.schema import workload
from effjax.config import View
from effjax.errors import UserError


def test_what_is_not_a_number_and_what_ties_is_an_error():
    logits = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [jnp.nan, jnp.nan], [jnp.nan, 0.0]])
    labels = jnp.zeros(5, jnp.int32)
    assert classification_scores(logits, labels, None)["val/error"] == pytest.approx(0.8)
    mask = jnp.asarray([1.0, 1.0, 0.0, 0.0, 0.0])
    assert classification_scores(logits, labels, mask)["val/error"] == pytest.approx(0.5)


def test_a_padded_example_that_is_nan_does_not_count():
    logits = jnp.asarray([[2.0, 0.0], [jnp.nan, jnp.nan]])
    scores = classification_scores(logits, jnp.zeros(2, jnp.int32), jnp.asarray([1.0, 0.0]))
    assert scores["val/loss"] == pytest.approx(np.log1p(np.exp(-2.0)))
    assert scores["val/error"] == 0.0


def test_the_hash_of_data_knows_values_order_and_part():
    a, b = {"x": np.arange(4)}, {"x": np.arange(4)[::-1]}
    hashes = {Problem(None, None, None, *parts).fingerprint for parts in ((a, b), (b, a), (a, a))}
    assert len(hashes) == 3
    assert Problem(None, None, None, a, b).examples == 4
    assert Problem(None, None, None, {}, {}).examples == 0


def test_a_problem_is_registered_by_its_name(monkeypatch):
    monkeypatch.setattr("effjax.bench.problems.base.PROBLEMS", dict(PROBLEMS))

    @problem("flat")
    def flat(workload, data_dir):
        return Problem(None, None, None, {}, {}) if workload.model["dim"] else None

    assert make_problem(View(workload(problem="flat", model={"dim": 3}))).examples == 0
    with pytest.raises(UserError, match="problem 'flat' needs"):
        make_problem(View(workload(problem="flat")))
    with pytest.raises(UserError, match="did you mean 'flat'"):
        make_problem(View(workload(problem="flatt")))
