"""Cut to a budget."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.narrow import importances, narrow, read_budget
from effjax.compress.shrink import masked
from effjax.compress.sites import sites_of
from effjax.costs import Budget
from effjax.costs.exact import count
from effjax.errors import UserError

SHAPE = (8, 8, 3)
FIELDS = {"depths": (1,), "dims": (8,), "strides": (2,), "remat": (False,), "block": "basic",
          "stem_kernel": 3, "stem_stride": 1, "stem_pool": False}  # fmt: skip


@pytest.fixture(scope="module")
def network():
    model = models.create_model("resnet50", num_classes=3, **FIELDS)
    return model, jax.jit(model.init)(jax.random.key(0), jnp.ones((1, *SHAPE)))


def test_the_exact_cost_is_within_the_budget(network):
    model, variables = network
    scores = importances("l2", sites_of(model, variables), variables)
    found = narrow(model, variables, scores, Budget("macs", "0.5x"), SHAPE)
    before, after = found.costs["macs"]
    assert after == count(found.model, SHAPE, "macs")
    assert 0.3 * before < after <= 0.5 * before
    images = jax.random.normal(jax.random.key(1), (2, *SHAPE))
    logits = jax.jit(found.model.apply)(found.variables, images)
    expected = jax.jit(model.apply)(masked(model, variables, found.kept), images)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_budget_that_cannot_be_met_is_refused(network):
    model, variables = network
    scores = importances("l1", sites_of(model, variables), variables)
    with pytest.raises(UserError, match="cannot be met"):
        narrow(model, variables, scores, Budget("params", 3), SHAPE)
    with pytest.raises(UserError, match="expected UNIT:AMOUNT"):
        read_budget("0.5x")


def test_the_same_share_of_each_group(network):
    model, variables = network
    scores = importances("l2", sites_of(model, variables), variables)
    found = narrow(model, variables, scores, Budget("macs", "0.5x"), SHAPE, scope="layer")
    shares = []
    for site in sites_of(model, variables):
        stay = len(found.kept.get(site.group.name, range(site.group.size)))
        shares.append(stay / site.group.size)
    assert max(shares) - min(shares) <= 1 / 8  # rounding of the smallest group
