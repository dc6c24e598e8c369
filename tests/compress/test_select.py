"""Which weights are kept."""

import itertools

import numpy as np
import pytest

from effjax.compress.densities import erk
from effjax.compress.schedules import SCHEDULES, round_densities
from effjax.compress.select import prune, select
from effjax.errors import UserError

SCORES = {"a": np.arange(6.0).reshape(2, 3), "b": 10.0 + np.arange(4.0)}


def test_global_selection_compares_all_layers():
    masks = select(SCORES, 0.4)
    assert masks["a"].sum() == 0
    assert masks["b"].tolist() == [1, 1, 1, 1]


def test_layers_keep_the_same_share():
    masks = select(SCORES, 0.5, "layer")
    assert masks["a"].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert masks["b"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("ties", "kept"), [("exact", 3), ("together", 0)])
def test_equal_scores(ties, kept):
    """By default as many are kept as were asked for; the authors' code drops all of a tie."""
    masks = select({"a": np.zeros(6)}, 0.5, ties=ties)
    assert masks["a"].sum() == kept


def test_what_is_pruned_stays_pruned():
    # scores that would bring everything back in the second round
    masks = prune(lambda masks: {"a": -np.arange(8.0)}, {"a": np.ones(8, np.int8)}, [0.5])
    again = prune(lambda masks: {"a": np.arange(8.0)}, masks, [0.25])
    assert set(np.flatnonzero(again["a"])) <= set(np.flatnonzero(masks["a"]))


def test_erk_keeps_the_density_of_all():
    shapes = {"a": (3, 3, 4, 8), "b": (3, 3, 8, 16), "c": (16, 10)}
    densities = erk(shapes, 0.2)
    kept = sum(densities[name] * np.prod(shape) for name, shape in shapes.items())
    assert kept == pytest.approx(0.2 * sum(np.prod(shape) for shape in shapes.values()))
    assert densities["c"] > densities["a"] > densities["b"]


@pytest.mark.parametrize("name", sorted(SCHEDULES.entries))
def test_schedules_fall_to_the_density(name):
    densities = round_densities(name, 0.1, 7)
    assert densities[-1] == pytest.approx(0.1)
    assert all(first > second for first, second in itertools.pairwise(densities))


@pytest.mark.parametrize("density", [0.0, -0.1, 1.5, float("nan")])
def test_a_density_that_is_none_is_refused(density):
    with pytest.raises(UserError, match="0 < density <= 1"):
        select(SCORES, density)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="scores of a are not finite"):
        select({"a": np.array([1.0, np.nan])}, 0.5)


def test_dense_layers_that_are_too_large_are_refused():
    with pytest.raises(UserError, match="larger density"):
        erk({"a": (100, 100), "b": (2, 2)}, 0.1, dense=("a",))
