"""Expected costs are exact at one-hot weights; the shift meets the budget and differentiates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.costs import expected, hat_weights, log_ratio, shift_to

TABLE = np.asarray([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]])


def test_expected_cost_is_exact_at_one_hot_weights():
    for i, j in np.ndindex(TABLE.shape):
        weights = [jax.nn.one_hot(i, 2), jax.nn.one_hot(j, 3)]
        assert expected(TABLE, weights) == TABLE[i, j]


def test_expected_cost_of_independent_choices():
    weights = [jnp.asarray([0.25, 0.75]), jnp.asarray([0.5, 0.2, 0.3])]
    mean = sum(
        float(weights[0][i] * weights[1][j]) * TABLE[i, j] for i, j in np.ndindex(TABLE.shape)
    )
    np.testing.assert_allclose(expected(TABLE, weights), mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "weights"),
    [(1.0, [1, 0, 0]), (3.0, [0, 1, 0]), (4.5, [0, 0.25, 0.75]), (5.0, [0, 0, 1])],
)
def test_hat_weights(size, weights):
    np.testing.assert_allclose(hat_weights(size, 3), weights)


def test_being_below_the_budget_is_free_with_a_hinge():
    assert log_ratio(jnp.float32(5.0), 10.0, "hinge") == 0
    np.testing.assert_allclose(log_ratio(jnp.float32(5.0), 10.0, "two_sided"), np.log(2), rtol=1e-6)


def test_the_shift_meets_the_budget_and_has_the_derivative_of_the_implicit_function():
    """cost(x) = a exp(x) is met at x = log(b / a), so dx/db = 1 / b and dx/da = -1 / a."""

    def shift(a, b):
        return shift_to(lambda x: a * jnp.exp(x), b)

    np.testing.assert_allclose(shift(2.0, 7.0), np.log(3.5), rtol=1e-5)
    by_a, by_b = jax.grad(shift, (0, 1))(2.0, 7.0)
    np.testing.assert_allclose((by_a, by_b), (-1 / 2, 1 / 7), rtol=1e-4)


def test_a_budget_out_of_reach_gives_the_nearest_end():
    shift = shift_to(jax.nn.sigmoid, 2.0)
    assert np.isfinite(shift)
    assert jax.nn.sigmoid(shift) == 1
