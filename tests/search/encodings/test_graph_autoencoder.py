"""The recordings (tests/parity/search_encodings.py) hold the network and its loss to 1e-9."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.encodings.graph_autoencoder import (
    Decoded,
    GraphAutoencoder,
    accuracy,
    graph_code,
    loss,
    symmetric,
)

ADJACENCY = jnp.array([[[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]], jnp.float32)


def test_isomorphic_graphs_have_one_code():
    net = GraphAutoencoder(operations=3, hidden=4, latent=2, hops=3)
    operations = jax.nn.one_hot(jnp.array([[0, 1, 2, 1]]), 3)
    adjacency = symmetric(ADJACENCY)
    variables = net.init(jax.random.key(0), operations, adjacency)
    order = jnp.array([0, 2, 1, 3])
    codes = []
    for nodes in (jnp.arange(4), order):
        renamed = adjacency[:, nodes][:, :, nodes]
        decoded = net.apply(variables, operations[:, nodes], renamed)
        codes.append(graph_code(decoded.mu))
    np.testing.assert_allclose(codes[0], codes[1], rtol=1e-5)


def test_a_perfect_decoding_costs_nothing_but_the_prior():
    operations = jax.nn.one_hot(jnp.array([[0, 1, 2, 1]]), 3)
    adjacency = symmetric(ADJACENCY)
    zeros = jnp.zeros((1, 4, 2))
    decoded = Decoded(zeros, zeros, operations, adjacency)
    assert float(loss(decoded, operations, adjacency)) == pytest.approx(0, abs=1e-6)
    assert accuracy(decoded, operations, adjacency) == {"operations": 1.0, "edges": 1.0}
    wrong = decoded._replace(operations=1 - operations)
    assert float(loss(wrong, operations, adjacency)) == pytest.approx(100)  # the cut logarithm
