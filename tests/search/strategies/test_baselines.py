"""Baselines choose by cost alone."""

from effjax.search import run


def test_the_largest_within_the_budget(problem):
    asked = problem(5)
    asked.cost = lambda point, unit: 10 + sum(point)
    found = run("params", asked, samples=18)
    assert found.point == (2, 1, 1, 1)
    assert found.value is None
    assert not found.history
