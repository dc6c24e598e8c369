"""Directions scaled part by part, and slices of a quadratic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature import slices

PARAMS = {"kernel": jax.random.normal(jax.random.key(0), (2, 2, 3, 4)), "bias": jnp.ones(4)}


def test_filters_are_as_long_as_the_weights():
    found = slices.random_direction(jax.random.key(1), PARAMS)
    lengths = jnp.linalg.norm(found["kernel"].reshape(-1, 4), axis=0)
    np.testing.assert_allclose(
        lengths, jnp.linalg.norm(PARAMS["kernel"].reshape(-1, 4), axis=0), rtol=1e-5
    )
    assert not found["bias"].any()


def test_a_slice_of_a_quadratic_is_a_parabola():
    def loss_at(w):
        return 0.5 * (w * jnp.array([2.0, 3.0]) * w).sum()

    places = [-1.0, 0.0, 2.0]
    line = slices.slice_1d(loss_at, jnp.zeros(2), jnp.array([1.0, 0.0]), places)
    assert line.tolist() == [1.0, 0.0, 4.0]
    plane = slices.slice_2d(loss_at, jnp.zeros(2), tuple(jnp.eye(2)), places)
    assert plane[2].tolist() == [5.5, 4.0, 10.0]


def test_a_direction_as_long_as_another():
    found = slices.as_long_as({"w": jnp.array([3.0, 4.0])}, {"w": jnp.array([0.0, 1.0])})
    np.testing.assert_allclose(found["w"], [0.6, 0.8], rtol=1e-6)


def test_another_rule_has_another_length():
    by = {rule: slices.random_direction(jax.random.key(1), PARAMS, rule) for rule in ("layer",)}
    whole = jnp.linalg.norm(by["layer"]["kernel"].ravel())
    assert float(whole) == pytest.approx(float(jnp.linalg.norm(PARAMS["kernel"].ravel())), rel=1e-5)
