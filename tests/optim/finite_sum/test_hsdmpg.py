import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import Svrg, finite_sum
from effjax.optim.finite_sum.hsdmpg import LOGISTIC, SQUARED, Constants, hsdmpg

N, D, MU = 2048, 8, 1e-2


@functools.cache
def problem(kind):
    """Data, the loss, and the optimum by Newton's method in float64."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, D)) * np.linspace(1.0, 0.2, D)
    a = x @ rng.standard_normal(D)
    if kind == "ridge":
        y, loss = a + 0.3 * rng.standard_normal(N), SQUARED
        best = np.linalg.solve(x.T @ x / N + MU * np.eye(D), x.T @ y / N)
        return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), loss, best
    y, loss = np.sign(a + 0.5 * rng.standard_normal(N)), LOGISTIC
    best = np.zeros(D)
    for _ in range(30):
        s = 1 / (1 + np.exp(y * (x @ best)))
        hessian = (x.T * (s * (1 - s))) @ x / N + MU * np.eye(D)
        best -= np.linalg.solve(hessian, -x.T @ (y * s) / N + MU * best)
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32), loss, best


def gap(kind, w, best):
    """F(w) - F(best), over F(0) - F(best), in float64."""
    x, y, _, _ = problem(kind)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def objective(w):
        a = x @ np.asarray(w, np.float64)
        loss = (a - y) ** 2 / 2 if kind == "ridge" else np.logaddexp(0, -y * a)
        return loss.mean() + MU / 2 * w @ w

    return (objective(w) - objective(best)) / (objective(np.zeros(D)) - objective(best))


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_finds_the_known_optimum(kind):
    """The squared loss in one model, the logistic one in a model for each step."""
    x, y, loss, best = problem(kind)
    models = 1 if kind == "ridge" else 14
    constants = Constants(128, 256, growth=8.0, inner_epochs=4, steps=14 // models)
    run = hsdmpg(x, y, jnp.zeros(D), loss, MU, constants, key=jax.random.key(0), models=models)
    *_, last = run
    assert gap(kind, last.w, best) < 1e-5


@pytest.mark.slow
def test_statistical_accuracy_on_ridge_costs_less_than_with_svrg():
    """A gap of 1 / sqrt(n), where the best step size of three is taken for SVRG."""
    x, y, loss, best = problem("ridge")
    key, enough = jax.random.key(1), N**-0.5
    constants = Constants(64, 128, growth=4.0, inner_epochs=4)
    run = hsdmpg(x, y, jnp.zeros(D), loss, MU, constants, key=key)
    ours = next(p.gradients for p in run if gap("ridge", p.w, best) < enough)

    def gradient(w, batch):
        x, y = batch
        return x.T @ (x @ w - y) / len(x) + MU * w

    def cost(lr):
        tx = optax.sgd(lr)
        run = finite_sum(gradient, jnp.zeros(D), (x, y), Svrg(256), tx, key=key, batch_size=8)
        run = itertools.islice(run, 600)
        return next((p.gradients for p in run if gap("ridge", p.params, best) < enough), np.inf)

    assert ours < min(cost(lr) for lr in (0.03, 0.1, 0.3))


@pytest.mark.parametrize(("field", "value"), [("surrogate_size", 0), ("first_size", 4096)])
def test_sizes_out_of_range_are_answered(field, value):
    x, y, loss, _ = problem("ridge")
    constants = Constants(**{"surrogate_size": 8, "first_size": 8, field: value})
    with pytest.raises(ValueError, match=field):
        next(hsdmpg(x, y, jnp.zeros(D), loss, MU, constants, key=jax.random.key(0)))
