"""Counts of paths, and of those that reach a layer."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.programs import log_paths, make_program, reached

ONES = {"a": jnp.ones((3, 4)), "b": jnp.ones((4, 2))}


def test_numbers_beyond_floats():
    def network(w, x):
        for _ in range(200):
            x = x @ w["a"]
        return x

    weights = {"a": jnp.ones((3, 3))}
    program = make_program(network, weights, jnp.ones((1, 3)))
    assert float(log_paths(program, weights)) == pytest.approx(201 * np.log(3), rel=1e-5)


def test_paths_that_reach_a_layer():
    program = make_program(lambda w, x: x @ w["a"] @ w["b"], ONES, jnp.ones((1, 3)))
    found = reached(program, ONES)
    np.testing.assert_allclose(jnp.exp(found["a"]), np.ones(3), rtol=1e-6)
    np.testing.assert_allclose(jnp.exp(found["b"]), np.full(4, 3.0), rtol=1e-6)
