"""The orders of Zero-Cost-PT on a score made by hand."""

import pytest

from effjax.search.proxies.perturbation import ORDERS, perturb

# what each option adds to the score: without it that much is missing
WORTH = ((1.0, 5.0), (9.0, 2.0, 3.0), (4.0, 4.5))
BEST = {0: 1, 1: 0, 2: 1}


def score(decided, edge, option):
    total = 0.0
    for number, options in enumerate(WORTH):
        for index, worth in enumerate(options):
            is_left = number not in decided or decided[number] == index
            if is_left and (number, index) != (edge, option):
                total += worth
    return total


@pytest.mark.parametrize("order", ORDERS)
def test_the_option_that_is_worth_most_is_kept(order):
    found = perturb(score, [2, 3, 2], order, edges=[2, 0, 1])
    assert {decision.edge: decision.option for decision in found} == BEST


@pytest.mark.parametrize(
    ("order", "edges"),
    [
        ("order", [0, 1, 2]),
        ("reverse", [2, 1, 0]),
        ("random", [2, 0, 1]),
        # the largest worth is that of edge 1, then that of edge 0
        ("global_op_greedy", [1, 0, 2]),
        ("global_op_once", [1, 0, 2]),
        # mean worths: 3, 4.67 and 4.25
        ("global_edge_once", [1, 2, 0]),
    ],
)
def test_edges_follow_the_order(order, edges):
    found = perturb(score, [2, 3, 2], order, edges=[2, 0, 1])
    assert [decision.edge for decision in found] == edges


def test_the_published_once_forgets_its_ranking():
    found = perturb(score, [2, 3, 2], "global_op_once", as_published=True)
    assert [decision.edge for decision in found] == [2, 1, 0]
