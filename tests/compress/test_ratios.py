"""Shares of layers that an agent finds."""

import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.compress.allot import Allotment
from effjax.compress.gates.soft_cost import SoftCost
from effjax.compress.narrow import importances
from effjax.compress.ratios import search, searched
from effjax.compress.sites import flat, nested, sites_of
from effjax.costs import Budget
from effjax.costs.exact import count
from effjax.errors import UserError
from effjax.report import choose_display
from tests.compress.test_allot import planted_sites

SHAPE = (16, 16, 3)
QUIET = choose_display(quiet=True)


def test_a_dead_group_loses_its_channels_first():
    """The first group does nothing; the accuracy is the share that stays of the second one."""
    cost = SoftCost(((100.0, (0,)), (100.0, (1,))))
    allotment = Allotment(*planted_sites((10, 10)), cost, limit=120.0)

    def found(seed):
        return search(allotment, lambda counts: counts[1] / 10, 12, seed, QUIET)

    tried = found(0)
    assert tried[0].counts == (6, 6)
    best = max(tried, key=lambda one: one.accuracy)
    assert best.counts[1] >= 8
    assert all(10 * sum(one.counts) <= 120 for one in tried)
    assert found(0) == tried
    assert found(1) != tried


@pytest.fixture(scope="module")
def network():
    """Two blocks; nothing reads the hidden channels of the first one's MLP."""
    model = models.create_model(
        "vit_small_patch16_224", num_classes=5, width=8, heads=2, depth=2, patch_size=8,
        mlp_hidden=((64, 64),), image_size=16,
    )  # fmt: skip
    images = jax.random.normal(jax.random.key(0), (3, 256, *SHAPE))
    arrays = flat(jax.jit(model.init)(jax.random.key(1), images[0]))
    keys = jax.random.split(jax.random.key(2), len(arrays))
    for key, (path, leaf) in zip(keys, list(arrays.items())):
        arrays[path] = leaf + 0.5 * jax.random.normal(key, leaf.shape)
    dead = "params/blocks_0/mlp/fc2/kernel"
    arrays[dead] = jnp.zeros_like(arrays[dead])
    # the other one matters much, and is far from linear
    for layer in ("fc1", "fc2"):
        arrays[f"params/blocks_1/mlp/{layer}/kernel"] *= 6.0
    variables = nested(arrays)
    apply = jax.jit(model.apply)
    # the network's own answers are the labels
    batches = [(batch, apply(variables, batch).argmax(-1)) for batch in images]
    return model, variables, batches


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["macs", "params"])
def test_a_dead_mlp_goes_and_the_budget_holds(unit, network):
    model, variables, batches = network
    scores = importances("l2", sites_of(model, variables), variables)
    whole = count(model, SHAPE, unit)
    budget = Budget(unit, "0.8x")
    found, notes = searched(model, variables, scores, budget, batches, 24, 0, QUIET)
    assert count(found.model, SHAPE, unit) == found.costs[unit][1] <= 0.8 * whole
    dead, alive = notes["ratios"].values()
    assert dead < alive
    assert notes["accuracy"] > notes["accuracy_of_equal_shares"]
    # what was scored is what is handed on
    right = 0
    for images, labels in batches[1:]:
        logits = found.model.apply(found.variables, images, train=False)
        right += int((logits.argmax(-1) == labels).sum())
    # a tie may fall the other way
    assert abs(right - 512 * notes["accuracy"]) <= 1


@pytest.mark.slow
def test_budgets_that_cannot_be_met_are_answered(network):
    model, variables, batches = network
    scores = importances("l2", sites_of(model, variables), variables)
    for budget, message in [
        (Budget("macs", "0.01x"), "keep from 0.2 to all"),
        (Budget("latency", "0.5x"), "macs or params, not of latency"),
    ]:
        with pytest.raises(UserError, match=message):
            searched(model, variables, scores, budget, batches, 2, 0, QUIET)
