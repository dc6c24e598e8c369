"""Closed forms against what they are about."""

import numpy as np
import optax
import pytest

from effjax import optim
from effjax.curvature import closed_forms


def test_lookahead_variance_by_simulation():
    """Within 2 %: 20,000 runs of a noisy quadratic, slow weights after 60 outer steps."""
    curvature, rate, share, period = 1.0, 0.4, 0.5, 5
    import jax
    import jax.numpy as jnp

    optimizer = optim.lookahead(optax.sgd(rate), period, share)
    x = jnp.zeros(20_000)

    @jax.jit
    def run(x):
        def step(carry, key):
            x, state = carry
            target = jax.random.normal(key, x.shape)
            updates, state = optimizer.update(curvature * (x - target), state, x)
            return (optax.apply_updates(x, updates), state), None

        keys = jax.random.split(jax.random.key(0), period * 60)
        (x, state), _ = jax.lax.scan(step, (x, optimizer.init(x)), keys)
        return optim.eval_params(x, state)

    expected = closed_forms.lookahead_variance(curvature, rate, share, period)
    assert float(run(x).var()) == pytest.approx(expected, rel=0.02)
    assert expected < 0.7 * closed_forms.sgd_variance(curvature, rate)


def test_heavy_ball_without_momentum_is_sgd():
    """Noise of variance 1 in the gradient against targets of variance 1: lambda^2 apart."""
    for curvature, rate in ((0.1, 0.4), (4.0, 0.2)):
        found = closed_forms.heavy_ball_variance(curvature, rate) * curvature**2
        assert found == pytest.approx(closed_forms.sgd_variance(curvature, rate))


def test_a_whole_step_of_lookahead_is_that_of_its_inner_optimizer():
    assert closed_forms.lookahead_contraction(1.0, 0.1, 1.0, 5) == pytest.approx(0.9**5)
    whole = closed_forms.lookahead_variance(1.0, 0.1, 1.0, 5)
    assert whole == pytest.approx(closed_forms.sgd_variance(1.0, 0.1))


def test_leave_one_out_by_leaving_out():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    rest, penalty = x[1:], 0.1
    # the penalty is a share of all examples: that of the fit with one less stays the same
    w = np.linalg.solve(rest.T @ rest + 8 * penalty * np.eye(2), rest.T @ y[1:])
    assert closed_forms.leave_one_out(x, y, penalty)[0] == pytest.approx(y[0] - x[0] @ w)


def test_least_squares_errors_by_simulation():
    rng = np.random.default_rng(0)
    train, test = [], []
    for _ in range(2000):
        x, w = rng.standard_normal((12, 3)), rng.standard_normal(3)
        y = x @ w + 0.5 * rng.standard_normal(12)
        fit = np.linalg.lstsq(x, y, rcond=None)[0]
        train.append(((x @ fit - y) ** 2).mean())
        test.append(((fit - w) ** 2).sum() + 0.25)  # over fresh normal examples
    expected = closed_forms.least_squares_errors(12, 3, 0.5)
    np.testing.assert_allclose([np.mean(train), np.mean(test)], expected, rtol=0.03)
    with pytest.raises(ValueError, match="5 examples"):
        closed_forms.least_squares_errors(4, 3, 1.0)


def test_ridge_errors_by_simulation():
    rng = np.random.default_rng(0)
    x, rule = rng.standard_normal((20, 4)), rng.standard_normal(4)
    penalty, noise = 0.3, 0.7
    hat = closed_forms.hat_matrix(x, penalty)
    y = x @ rule + noise * rng.standard_normal((20_000, 20))  # one training set a row
    fits = y @ hat.T
    fresh = x @ rule + noise * rng.standard_normal(fits.shape)
    found = [((fits - y) ** 2).mean(), ((fits - fresh) ** 2).mean()]
    expected = closed_forms.ridge_errors(x, rule, penalty, noise)
    np.testing.assert_allclose(found, expected, rtol=0.01)
    gap = expected[1] - expected[0]
    assert gap == pytest.approx(2 * noise**2 * np.trace(hat) / 20)
