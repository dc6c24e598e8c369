"""Scores of weights of a quadratic loss, whose gradient and Hessian are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search import saliency

HESSIAN = jnp.array([[2.0, 1.0], [1.0, 3.0]])
WEIGHTS = {"a": jnp.array([1.0, -2.0]), "b": None}


def loss(weights):
    return 0.5 * weights["a"] @ HESSIAN @ weights["a"]


def test_snip_is_the_size_of_weight_times_gradient():
    gradient = np.array([0.0, -5.0])
    found = saliency.snip([loss, loss], WEIGHTS)
    np.testing.assert_allclose(found["a"], 2 * np.abs(np.array([1, -2]) * gradient))
    assert found["b"] is None


def test_grasp_is_weight_times_hessian_times_gradient():
    found = saliency.grasp([loss], WEIGHTS)["a"]
    np.testing.assert_allclose(found, [-5.0, 30.0])
    # gradients and products both add
    np.testing.assert_allclose(saliency.grasp([loss, loss], WEIGHTS)["a"], 4 * found)


def test_synflow_sums_to_the_degree_of_the_output():
    """Euler: w dR/dw sums to the degree times R."""
    found = saliency.synflow(lambda weights: weights["a"].prod() ** 2, WEIGHTS)["a"]
    assert float(found.sum()) == pytest.approx(4 * 4.0)
