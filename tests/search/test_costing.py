"""Costs of points are those of the networks that are built."""

import pytest

from effjax import models
from effjax.costs import Budget, PartsTable
from effjax.errors import UserError
from effjax.search.costing import PointCosts, check_feasible, extreme_point


def test_costs_are_those_of_the_network(space, costs):
    point = (2, 1, 1, 1)
    model = space.model(point, 4)
    total = models.cost(model, (8, 8, 3))
    assert costs.of(point, "params") == total.params
    assert costs.of(point, "macs") == total.macs
    assert costs.of((1, 0, 1, 0), "macs") == costs.of((1, 0, 0, 0), "macs")


def test_latency_is_the_sum_of_measured_parts(space, tmp_path):
    table = PartsTable(tmp_path / "latency.json", 1, measure=lambda part: 1.0)
    costs = PointCosts(space, (8, 8, 3), 4, table)
    # stem, two blocks, two downsamplings (the first stage has none), head
    assert costs.of((0, 0, 0, 0), "latency") == 5.0
    assert costs.of((0, 1, 0, 0), "latency") == 6.0


def test_the_cheapest_and_the_dearest(space):
    assert extreme_point(space, lambda point: sum(point)) == (0, 0, 0, 0)
    assert extreme_point(space, lambda point: sum(point), largest=True) == (2, 1, 1, 1)


def test_an_infeasible_budget_is_refused_with_the_range(space):
    budget = Budget("macs", 5)
    with pytest.raises(UserError, match="costs from 10 multiply-adds to 15 multiply-adds"):
        check_feasible(space, [budget], lambda point, unit: 10 + sum(point))
    point = check_feasible(space, [Budget("macs", 10)], lambda point, unit: 10 + sum(point))
    assert point == (0, 0, 0, 0)


def test_latency_needs_a_table(costs):
    with pytest.raises(UserError, match="needs a table of latencies"):
        costs.of((0, 0, 0, 0), "latency")


def test_each_option_is_counted_once(space):
    counted = []

    def cost(point):
        counted.append(point)
        return sum(point)

    extreme_point(space, cost)
    extreme_point(space, cost, largest=True)
    # the first point, one more for each further option, and a window once its block is there
    assert len(set(counted)) <= 1 + (2 + 1 + 1 + 1) + 1
