"""Stacked edges are the operations one by one: the recordings (tests/parity) hold it to 1e-9."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.blocks.cell_operations import average_pool_3x3
from effjax.search.cells.edges import EdgesFrom

OPERATIONS = ("none", "skip_connect", "avg_pool_3x3")


def test_operations_without_weights_by_hand():
    states = jax.random.normal(jax.random.key(0), (2, 4, 4, 2, 3))  # two states
    weights = jax.random.uniform(jax.random.key(1), (2, 3, 3))  # three targets
    edges = EdgesFrom(OPERATIONS, 3, 1, norm_pools=False, batch_axis=None)
    found = edges.apply({}, states, weights, None)
    assert found.shape == (2, 4, 4, 2, 3, 3)
    for source in range(2):
        x = states[..., source, :]
        for target in range(3):
            _, skip, pool = weights[source, target]
            wanted = skip * x + pool * average_pool_3x3(x)
            np.testing.assert_allclose(found[..., source, target, :], wanted, rtol=1e-5, atol=1e-6)


def test_an_edge_has_weights_of_its_own():
    states = jnp.ones((1, 4, 4, 1, 2))
    edges = EdgesFrom(("dil_conv_3x3",), 2, 2, norm_pools=True, batch_axis=None)
    shapes = jax.eval_shape(edges.init, jax.random.key(0), states, jnp.ones((1, 2, 1)), None)
    params = shapes["params"]
    assert params["dil_conv_3x3_depthwise1"]["kernel"].shape == (3, 3, 1, 4)
    assert params["pointwise1"].shape == (2, 2, 2)
