import itertools

import numpy as np
import pytest

from effjax.compress.generators.dit_parts import OpenBlock, Parts
from effjax.compress.generators.routes import (
    Routes,
    mean_macs,
    opened_by,
    read_routes,
    refuse_no_label,
    within_budget,
    write_routes,
)
from effjax.costs import Budget
from effjax.errors import UserError
from tests.compress.generators.tiny_dit import SHAPE, tiny_dit

PARTS = Parts(tiny_dit()[0], 2, SHAPE)
SCORES = np.random.default_rng(0).standard_normal((2, 18))
CLASSES = np.asarray([0, 1, 1])


def test_routes_are_read_as_they_were_written(tmp_path):
    blocks = (OpenBlock(0, (0, 2), (1,)), OpenBlock(2, (1,), (0, 1)))
    routes = Routes("runs/x", 2, (0, 1, 0, 0), (blocks, blocks[:1]))
    write_routes(routes, tmp_path)
    assert read_routes(tmp_path) == routes
    np.testing.assert_allclose(routes.shares(), [0.75, 0.25])


def test_a_folder_without_routes_is_refused(tmp_path):
    with pytest.raises(UserError, match="train a router to its end"):
        read_routes(tmp_path)


def test_no_label_has_no_expert():
    refuse_no_label(np.asarray([0, 9]), 10)
    with pytest.raises(UserError, match="experts draw classes"):
        refuse_no_label(np.asarray([0, 10]), 10)


def test_a_layer_keeps_its_first_gate_and_the_network_a_block():
    gates = opened_by(PARTS, SCORES, np.inf)
    expected = [1, 0, 0, 1, 0] * 3 + [1, 0, 0]
    np.testing.assert_array_equal(gates, [expected, expected])


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_as_many_gates_as_the_budget_allows(share):
    budget = Budget("macs", f"{share}x")
    found = within_budget(PARTS, SCORES, CLASSES, budget)
    assert mean_macs(PARTS, found, CLASSES) <= share * PARTS.total
    # no lower threshold meets it
    for threshold in np.unique(SCORES):
        gates = opened_by(PARTS, SCORES, threshold)
        if gates.sum() > found.sum():
            assert mean_macs(PARTS, gates, CLASSES) > share * PARTS.total


def test_the_mean_is_over_classes():
    gates = opened_by(PARTS, SCORES, 0.0)
    of_each = [mean_macs(PARTS, gates, np.asarray([code])) for code in CLASSES]
    assert mean_macs(PARTS, gates, CLASSES) == pytest.approx(np.mean(of_each))
    assert len(set(of_each)) == 2
    assert all(a == b for a, b in itertools.pairwise(of_each[1:]))


def test_a_budget_that_cannot_be_met_is_refused():
    with pytest.raises(UserError, match="experts cost from"):
        within_budget(PARTS, SCORES, CLASSES, Budget("macs", "0.01x"))
