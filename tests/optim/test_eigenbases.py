"""The factors of a leaf's axes, and coordinates in their eigenvectors."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.optim import eigenbases as e


def some(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_short_axes_of_leaves_with_two_are_turned():
    params = {"kernel": jnp.ones((2, 5)), "bias": jnp.ones(5)}
    factors = e.zero_factors(params, largest_axis=4)
    assert factors["bias"] == (None,)
    assert factors["kernel"][1] is None
    np.testing.assert_array_equal(factors["kernel"][0], np.zeros((2, 2)))
    bases = e.identity_bases(params, largest_axis=5)
    np.testing.assert_array_equal(bases["kernel"][1], np.eye(5))


def test_a_leaf_is_turned_along_each_axis_and_back():
    x = some((2, 3, 4))
    q = [np.linalg.qr(some((d, d), d))[0] for d in (2, 3, 4)]
    found = e.rotated(jnp.asarray(x), (q[0], None, q[2]))
    np.testing.assert_allclose(found, np.einsum("ijk,ia,kc->ajc", x, q[0], q[2]), atol=1e-5)
    np.testing.assert_allclose(e.rotated_back(found, (q[0], None, q[2])), x, atol=1e-5)


def test_the_average_is_that_of_the_outer_products():
    x = some((2, 3, 4))
    (first, second, third) = e.averaged((None, jnp.eye(3), None), jnp.asarray(x), keep=0.75)
    assert first is None
    assert third is None
    rows = np.moveaxis(x, 1, 0).reshape(3, 8)
    np.testing.assert_allclose(second, 0.75 * np.eye(3) + 0.25 * rows @ rows.T, rtol=1e-5)


def test_columns_stand_by_decreasing_eigenvalue():
    values, q = np.array([3.0, 2.0, 1.0]), np.linalg.qr(some((3, 3)))[0]
    (found,) = e.eigenbases((jnp.asarray(q * values @ q.T),))
    np.testing.assert_allclose(np.abs(q.T @ found), np.eye(3), atol=1e-5)


def test_v_follows_its_columns():
    """A basis in the wrong order: one refreshment sorts it, and v with it."""
    factor = jnp.diag(jnp.array([1.0, 3.0]))
    v = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    v, (q, none) = e.refreshed(v, (factor, None), (jnp.eye(2), None))
    np.testing.assert_array_equal(v, [[4, 5, 6], [1, 2, 3]])
    np.testing.assert_allclose(np.abs(q), [[0, 1], [1, 0]], atol=1e-6)
    assert none is None


def test_bases_are_new_at_first_and_then_once_a_period():
    factor, start = jnp.diag(jnp.array([3.0, 1.0])), (jnp.array([[0.6, -0.8], [0.8, 0.6]]),)
    v = jnp.ones(2)
    turn = jax.jit(lambda count: e.turned_anew(count, 3, v, (factor,), start)[1][0])
    np.testing.assert_allclose(np.abs(turn(0)), np.eye(2), atol=1e-6)
    np.testing.assert_array_equal(turn(1), start[0])
    np.testing.assert_array_equal(turn(2), start[0])
    np.testing.assert_allclose(turn(3), e.refreshed(v, (factor,), start)[1][0], atol=1e-6)
