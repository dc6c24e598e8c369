"""Descent, gaps and errors of linear rules are what theory says."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.bench.problems import linear, make_problem
from effjax.bench.schema import workload
from effjax.config import View
from tests.bench.problems.trained import make, trained


def test_the_constants_of_a_finite_sum():
    problem, work = make("finite_sum", examples=64, dim=5, condition=20.0, noise=0.3)
    found = linear.constants(work)
    assert found.smoothness == pytest.approx(1.0, rel=1e-4)
    assert found.convexity == pytest.approx(0.05, rel=1e-4)
    # gradients descend as the constants say: the slowest direction by (1 - mu / L) an update
    params, _ = trained(problem, optax.sgd(1.0 / found.smoothness), 60)
    later, _ = trained(problem, optax.sgd(1.0 / found.smoothness), 61)
    squares = [float(problem.evaluate(p, {}, problem.train)["val/loss"]) for p in (params, later)]
    assert (squares[1] / squares[0]) ** 0.5 == pytest.approx(0.95, abs=2e-3)
    minimum = np.linalg.lstsq(problem.train["x"], problem.train["y"], rcond=None)[0]
    per_example = problem.train["x"] * (problem.train["x"] @ minimum - problem.train["y"])[:, None]
    assert found.noise == pytest.approx((per_example**2).sum(1).mean(), rel=1e-3)


def test_the_gap_of_least_squares():
    """The mean over designs of one problem each."""
    model = {"examples": 24, "dim": 6, "noise": 0.5}
    gaps = []
    for seed in range(200):
        problem = make_problem(View(workload(problem="least_squares", model=model, seed=seed)))
        x, y = problem.train["x"], problem.train["y"]
        w, *_ = np.linalg.lstsq(x, y, rcond=None)
        fresh = problem.held_out
        gaps.append(((fresh["x"] @ w - fresh["y"]) ** 2).mean() - ((x @ w - y) ** 2).mean())
    assert np.mean(gaps) == pytest.approx(linear.gap(model), rel=0.12)


@pytest.mark.parametrize("name", ["finite_sum", "hard_sum"])
def test_descent_on_a_finite_sum_is_known(name):
    problem, work = make(name, examples=64, dim=12, condition=1000.0, noise=0.1)
    for updates in (10, 40):
        params, _ = trained(problem, optax.sgd(0.9), updates)
        found = float(problem.evaluate(params, {}, problem.train)["val/loss"])
        assert found == pytest.approx(linear.descended(work, 0.9, updates), rel=1e-3)


def test_a_hard_sum_is_the_slowest():
    """|gradient|^2 falls as 1 / t."""
    _, work = make("hard_sum", examples=64, dim=32, condition=1e4, noise=0.0)
    early, late = (linear.descended(work, 0.5, updates) for updates in (20, 640))
    assert early / late == pytest.approx(32, rel=0.05)


def test_the_errors_of_ridge_regression():
    """The means over designs of one problem each, at their minima."""
    model = {"examples": 32, "dim": 6, "noise": 0.5, "penalty": 0.2}
    found, expected = [], []
    for seed in range(100):
        work = View(workload(problem="ridge", model=model, seed=seed))
        problem = make_problem(work)
        x, y = problem.train["x"], problem.train["y"]
        w = np.linalg.solve(x.T @ x + 32 * 0.2 * np.eye(6), x.T @ y)
        fresh = problem.held_out
        train = ((x @ w - y) ** 2).mean()
        held_out = ((fresh["x"] @ w - fresh["y"]) ** 2).mean()
        found.append((train, held_out))
        expected.append(linear.ridge_errors(work))
    np.testing.assert_allclose(np.mean(found, 0), np.mean(expected, 0), rtol=0.05)
    # the last one is the minimum of the loss that optimizers see
    slope = jax.grad(lambda params: problem.loss(params, {}, problem.train, None, None)[0])
    np.testing.assert_allclose(slope({"w": jnp.asarray(w)})["w"], 0.0, atol=1e-5)
