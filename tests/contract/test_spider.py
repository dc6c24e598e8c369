"""Variance reduction in the ordinary loop (Fang et al. 2018, SPIDER): a task's `update`.

Every `PERIOD` updates a large batch gives the direction; in between it is corrected by the
gradients of one small batch at two points, with the same dropout. The last point and direction are
part of the model_state, so checkpoints hold them. The large batch is the whole batch of a step, the
small one its first part.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from effjax.optim import Spider
from effjax.optim.finite_sum.estimators import PointState
from tests.contract.toys import BATCH, Toy

TRUE = np.array([1.0, -2.0, 0.5, 3.0], np.float32)
PERIOD, SMALL, KEEP = 8, 4, 0.8


class SpiderLine(Toy):
    """A line through noisy points, with dropout on the inputs."""

    steps = 250  # interrupted half-way, that is in the middle of a period
    spider: ClassVar = Spider(PERIOD)
    optimizers: ClassVar = {"default": {"name": "sgd", "learning_rate": 0.05}}

    def draw(self, rng):
        x = rng.standard_normal((BATCH, 4)).astype(np.float32)
        noise = rng.standard_normal(BATCH).astype(np.float32)
        return {"x": x, "y": x @ TRUE + noise}

    def init(self, rng, batch):
        params = {"w": jnp.zeros(4)}
        start = self.spider.init(params)
        return params, {"point": start.point, "direction": start.direction}

    def variant(self, step):
        return self.spider.refresh(step)

    def gradient(self, rng):
        """(params, batch) -> gradient: the dropout is a function of `rng` alone."""

        def loss(params, batch):
            keep = jax.random.bernoulli(rng, KEEP, (BATCH, 4))[: len(batch["x"])]
            return jnp.square((batch["x"] * keep / KEEP) @ params["w"] - batch["y"]).mean()

        return jax.grad(loss)

    def update(self, state, batch, rng, apply, variant):
        grad_fn, past = self.gradient(rng), PointState(**state.model_state)
        if variant:
            direction, now = self.spider.restart(grad_fn, state.params, past, batch)
        else:
            part = jax.tree.map(lambda a: a[:SMALL], batch)
            direction, now = self.spider.estimate(grad_fn, state.params, past, part)
        # how far the direction is from the expected gradient, and a plain small batch's is
        error = direction["w"] - expected_gradient(state.params["w"])
        part = jax.tree.map(lambda a: a[:SMALL], batch)
        plain = grad_fn(state.params, part)["w"] - expected_gradient(state.params["w"])
        metrics = {"spider": (jnp.sum(error**2), 1.0), "plain": (jnp.sum(plain**2), 1.0)}
        return apply(state.replace(model_state=now._asdict()), direction), metrics

    def measure(self, params, model_state, rng):
        return {"error": jnp.abs(params["w"] - optimum()).max()}


def expected_gradient(w):
    """Of the loss with dropout: that of least squares and a penalty (1 - KEEP) / KEEP |w|^2."""
    return 2 * (w - TRUE) + 2 * (1 - KEEP) / KEEP * w


def optimum():
    return KEEP * TRUE


def test_it_finds_the_optimum(trained):
    assert trained(SpiderLine).final["val/error"] < 0.3


def test_the_direction_is_better_than_a_small_batchs(trained):
    """Most updates saw 2 * 4 examples, and were an order of magnitude nearer the gradient."""
    rows = trained(SpiderLine).rows[PERIOD:]
    spider, plain = (
        np.mean([row[f"train/{name}"] for row in rows if f"train/{name}" in row])
        for name in ("spider", "plain")
    )
    assert spider < 0.2 * plain


def test_two_points_without_the_same_dropout_would_not_do():
    """The difference of a pair is small because both see the same draws."""
    task = SpiderLine.__new__(SpiderLine)
    batch = task.draw(np.random.default_rng(0))
    here, there = {"w": jnp.asarray(TRUE)}, {"w": jnp.asarray(TRUE) * 0.999}
    one, other = (task.gradient(jax.random.key(i)) for i in (0, 1))
    paired = one(here, batch)["w"] - one(there, batch)["w"]
    mixed = one(here, batch)["w"] - other(there, batch)["w"]
    assert np.linalg.norm(mixed) > 10 * np.linalg.norm(paired)


def test_interrupted_inside_a_period_it_continues(trained, interrupted):
    whole, halves = trained(SpiderLine), interrupted(SpiderLine)
    np.testing.assert_array_equal(whole.state.params["w"], halves.state.params["w"])
