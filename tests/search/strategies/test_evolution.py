"""Evolution: better than random on a space whose values add up."""

import numpy as np
import pytest

from effjax.costs import Budget
from effjax.search import run
from tests.search.strategies.oracle import additive_problem, evaluations_until_best


def test_fewer_evaluations_than_random():
    """The optimum of 500 points, medians of 20 seeds."""
    random = evaluations_until_best("random")
    found = evaluations_until_best("evolution", population=10, tournament=3)
    assert np.median(found) < 0.6 * np.median(random)


def test_goes_on_to_the_bit(tmp_path):
    whole = additive_problem(30, seed=3)
    run("evolution", whole, population=6)
    short = additive_problem(12, seed=3, workdir=tmp_path, most=30)
    run("evolution", short, population=6)
    again = additive_problem(30, seed=3, workdir=tmp_path)
    run("evolution", again, population=6)
    assert [e.point for e in again.history] == [e.point for e in whole.history]


def test_within_the_budget(problem, costs):
    limit = costs.of((2, 0, 0, 0), "macs")
    asked = problem(12, budgets=[Budget("macs", limit)])
    found = run("evolution", asked, population=4)
    assert all(costs.of(entry.point, "macs") <= limit for entry in found.history)


@pytest.mark.slow
def test_a_generator_proposes_better_than_random():
    random = evaluations_until_best("random")
    found = evaluations_until_best("evolution", population=10, tournament=3, generator=0.9)
    assert np.median(found) < 0.4 * np.median(random)


@pytest.mark.slow
def test_with_a_generator_it_goes_on_to_the_bit(tmp_path):
    whole = additive_problem(30, seed=3)
    run("evolution", whole, population=6, generator=0.5)
    short = additive_problem(20, seed=3, workdir=tmp_path, most=30)
    run("evolution", short, population=6, generator=0.5)
    again = additive_problem(30, seed=3, workdir=tmp_path)
    run("evolution", again, population=6, generator=0.5)
    assert [e.point for e in again.history] == [e.point for e in whole.history]
