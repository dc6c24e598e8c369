"""Bayesian optimisation: better than random on values that add up, and the same again."""

import numpy as np
import pytest

from effjax.search import run
from tests.search.strategies.oracle import BEST, additive_problem, evaluations_until_best


@pytest.mark.parametrize("model", ["process", "linear"])
def test_fewer_evaluations_than_random(model):
    random = evaluations_until_best("random")
    # the values are linear in the codes, so that a few dozen points suffice
    found = evaluations_until_best("bayes", most=60, model=model, pool=64)
    assert np.median(found) < 0.2 * np.median(random)


def test_goes_on_to_the_bit(tmp_path):
    whole = additive_problem(14, seed=1)
    run("bayes", whole, pool=32, initial=5)
    short = additive_problem(8, seed=1, workdir=tmp_path, most=14)
    run("bayes", short, pool=32, initial=5)
    again = additive_problem(14, seed=1, workdir=tmp_path)
    run("bayes", again, pool=32, initial=5)
    assert [e.point for e in again.history] == [e.point for e in whole.history]


def test_it_finds_the_best():
    assert run("bayes", additive_problem(40, seed=0), pool=64).point == BEST


def test_costs_are_a_column(problem):
    asked = problem(8)
    asked.cost = lambda point, unit: 10 + sum(point)
    found = run("bayes", asked, costs=True, initial=4, pool=8)
    assert len(found.history) == 8


@pytest.mark.slow
def test_a_generator_draws_half_of_the_pool():
    random = evaluations_until_best("random")
    found = evaluations_until_best("bayes", seeds=8, most=60, pool=32, generator=0.5)
    assert np.median(found) < 0.2 * np.median(random)
