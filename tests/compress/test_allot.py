"""A walk over groups within a budget."""

import numpy as np
import pytest

from effjax.compress.allot import Allotment
from effjax.compress.gates.soft_cost import SoftCost
from effjax.compress.groups import Group, Member
from effjax.compress.sites import Site

SIZES = (10, 7, 16)
# a chain: the second group reads the first one, and the third reads the second
COST = SoftCost(((100.0, (0,)), (140.0, (0, 1)), (224.0, (1, 2)), (32.0, (2,)), (5.0, ())))


def planted_sites(sizes):
    """Groups of two linear layers, and their kernels."""
    sites, arrays = [], {}
    for number, size in enumerate(sizes):
        members = (Member(f"a{number}", -1, "out"), Member(f"b{number}", -2, "in"))
        arrays[f"a{number}"] = np.ones((3, size))
        arrays[f"b{number}"] = np.ones((size, 2))
        sites.append(Site(Group(f"g{number}", size, members), "mlp_hidden", number))
    return sites, arrays


def allotment(limit):
    return Allotment(*planted_sites(SIZES), COST, limit)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_the_budget_holds_whatever_is_wanted(share):
    limit = share * COST.total
    found = allotment(limit)
    rng = np.random.default_rng(0)
    for _ in range(50):
        counts, _ = found.walk(lambda state: rng.uniform(0.2, 1.0))
        assert found.cost_of(counts) <= limit
        assert all(low <= count <= size for low, count, size in zip((2, 2, 4), counts, SIZES))


def test_the_wall_stops_at_the_last_number_that_leaves_a_way():
    found = allotment(0.4 * COST.total)
    for first in range(2, 11):
        possible = found.cost_of([first]) <= found.limit
        assert (found.keep([], first / 10) == first) == possible
    counts, _ = found.walk(lambda state: 1.0)
    # one channel more of the last group would be too much, or there is none
    assert counts[2] == 16 or found.cost_of([*counts[:2], counts[2] + 1]) > found.limit


def test_equal_shares_are_the_largest():
    found = allotment(0.5 * COST.total)
    counts = found.equal()
    assert found.cost_of(counts) <= found.limit
    shares = [(count + 1) / size for count, size in zip(counts, SIZES)]
    more = [int(min(shares) * size + 1e-9) for size in SIZES]
    assert found.cost_of(more) > found.limit


def test_a_state_says_what_is_gone_and_what_is_left():
    found = allotment(0.5 * COST.total)
    first = found.state([])
    assert first.shape == (found.features,)
    np.testing.assert_allclose(first[-3:], [0, 1 - 5 / COST.total, 1], rtol=1e-6)
    third = found.state([5, 7])
    # half of the first group: 50 and 70; what is open: 224 and 32
    np.testing.assert_allclose(third[-3:], [120 / COST.total, 256 / COST.total, 1], rtol=1e-6)
    assert first[:-3].min() >= 0
    assert third[:-3].max() <= 1
