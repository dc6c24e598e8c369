"""What a config's `search()` returns, checked."""

import pytest

from effjax.costs import Budget
from effjax.errors import UserError
from effjax.search.options import Search, bind_options, read_budget


def strategy(problem, *, population: int = 8, name: str = "x"):
    return population


def test_budgets(space):
    assert read_budget("macs:0.5x") == Budget("macs", "0.5x")
    assert Search(space).budgets == ()
    assert Search(space, budget=Budget("macs", 5)).budgets == (Budget("macs", 5),)
    with pytest.raises(UserError, match="expected UNIT:AMOUNT"):
        read_budget("macs")


def test_options():
    assert bind_options("s", strategy, {"population": 3})(None) == 3
    with pytest.raises(UserError, match="no option 'populaton'; did you mean 'population'"):
        bind_options("s", strategy, {"populaton": 3})
    with pytest.raises(UserError, match="population = 'many'; expected int"):
        bind_options("s", strategy, {"population": "many"})


def test_refused(space):
    with pytest.raises(UserError, match="share = 0"):
        Search(space, share=0.0)
    with pytest.raises(UserError, match="both proxy and table"):
        Search(space, proxy="snip", table="t.json")
