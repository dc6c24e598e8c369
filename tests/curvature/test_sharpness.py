"""SAM's perturbation and sharpness on quadratics, exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature.sharpness import perturbation, perturbed, sharpness, tree_norm

CURVATURES = jnp.array([1.0, 4.0, 9.0])


def value(params):
    return 0.5 * (CURVATURES * params["w"] ** 2).sum()


def test_the_plain_step_is_as_long_as_rho():
    grads = {"w": jnp.array([3.0, 0.0]), "b": jnp.array([4.0])}
    step = perturbation(grads, grads, 0.5)
    assert float(tree_norm(step)) == pytest.approx(0.5)
    np.testing.assert_allclose(step["w"], [0.3, 0.0], atol=1e-6)


def test_the_adaptive_step_does_not_see_scales():
    """w -> c w with the gradient g / c: the step scales with w, and the loss rises as much."""
    w, g = jnp.array([1.0, -2.0]), jnp.array([0.5, 1.0])
    scales = jnp.array([10.0, 0.1])
    plain = perturbation(w, g, 0.3, adaptive=True)
    scaled = perturbation(scales * w, g / scales, 0.3, adaptive=True)
    np.testing.assert_allclose(scaled, scales * plain, rtol=1e-5)
    assert float(tree_norm(plain / w)) == pytest.approx(0.3, rel=1e-5)


def test_a_gradient_of_zero_moves_nothing():
    w = jnp.array([1.0, 2.0], jnp.bfloat16)
    there = perturbed(w, jnp.zeros_like(w), 0.1)
    assert there.dtype == jnp.bfloat16
    assert there.tolist() == [1.0, 2.0]


def test_sharpness_at_a_minimum_is_half_rho_squared_times_the_top_eigenvalue():
    gradient = jax.jit(jax.value_and_grad(value))
    minimum = {"w": jnp.zeros(3)}
    found = sharpness(gradient, minimum, 0.1, jax.random.key(0), steps=20)
    assert found == pytest.approx(0.5 * 0.1**2 * 9.0, rel=1e-3)
