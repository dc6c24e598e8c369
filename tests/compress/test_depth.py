"""Fewer blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.depth import shorten
from effjax.compress.sites import flat, nested
from effjax.costs import Budget
from effjax.errors import UserError

SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def network():
    model = models.create_model(
        "vit_small_patch16_224", num_classes=3, width=8, heads=2, depth=3, patch_size=8,
        image_size=16,
    )  # fmt: skip
    return model, model.init(jax.random.key(0), jnp.ones((1, *SHAPE)))


@pytest.mark.slow
def test_blocks_that_do_nothing_go_first(network):
    model, variables = network
    arrays = flat(variables)
    idle = "/".join(model.layout.block_path(0, 1))
    for path, leaf in arrays.items():
        # the last layers of both branches of the second block give nothing
        if f"/{idle}/" in path and ("proj" in path or "fc2" in path):
            arrays[path] = jnp.zeros_like(leaf)
    variables = nested(arrays)
    images = jax.random.normal(jax.random.key(1), (2, *SHAPE))
    expected = model.apply(variables, images)

    def loss(network, weights):
        return float(jnp.abs(network.apply(weights, images) - expected).sum())

    found, gone = shorten(model, variables, loss, Budget("params", "0.8x"), SHAPE)
    assert gone == [(0, 1)]
    assert found.costs["params"][1] <= 0.8 * found.costs["params"][0]
    np.testing.assert_allclose(found.model.apply(found.variables, images), expected, atol=1e-5)


def test_one_block_of_each_stage_stays(network):
    with pytest.raises(UserError, match="blocks cost from"):
        shorten(*network, lambda *_: 0.0, Budget("params", "0.05x"), SHAPE)
