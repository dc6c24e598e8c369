"""Budgets: amounts, shares, what is refused."""

import math

import pytest

from effjax.costs import Budget, describe
from effjax.errors import UserError


@pytest.mark.parametrize(
    ("unit", "amount", "limit"),
    [
        ("macs", 2e8, 2e8),
        ("latency", "3 ms", 3.0),
        ("latency", "0.25ms", 0.25),
        ("params", "1000 parameters", 1000.0),
        ("macs", "2e8", 2e8),
    ],
)
def test_amounts(unit, amount, limit):
    assert Budget(unit, amount).limit == limit


def test_a_share_needs_a_reference():
    half = Budget("macs", "0.5x")
    assert half.is_share
    with pytest.raises(ValueError, match="relative_to"):
        _ = half.limit
    assert half.relative_to(301).limit == 150.5
    assert Budget("macs", 7.0).relative_to(301).limit == 7.0


def test_what_is_rounded_is_compared():
    """A soft cost just below the budget allows nothing: the cost of the rounded network counts."""
    budget = Budget("params", "0.5x").relative_to(19)
    assert budget.allows(9)
    assert not budget.allows(10)


@pytest.mark.parametrize("amount", [0, -1.0, math.nan, math.inf, "x", "half", "-2x", "3 s", ""])
def test_amounts_that_are_none(amount):
    with pytest.raises(UserError, match="no positive amount"):
        Budget("latency", amount)


def test_an_unknown_unit():
    with pytest.raises(UserError, match="'mac'; did you mean 'macs'"):
        Budget("mac", 1.0)


def test_a_budget_that_no_choice_meets_is_refused_with_the_range():
    for amount in (5, 2000):
        with pytest.raises(UserError) as caught:
            Budget("macs", amount).check_reachable(10, 1000, "sizes from 1 to 7", "give another")
        assert str(caught.value).splitlines() == [
            f"a budget of {amount:,} multiply-adds cannot be met: "
            "sizes from 1 to 7 cost from 10 multiply-adds to 1,000 multiply-adds",
            "give another",
        ]
    Budget("macs", 10).check_reachable(10, 1000, "sizes", "")


def test_costs_in_words():
    assert describe("macs", 153600) == "153,600 multiply-adds"
    assert describe("latency", 3.14159) == "3.142 ms"
