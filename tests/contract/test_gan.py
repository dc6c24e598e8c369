"""A GAN on a noisy circle: the generator's gradient goes through the updated discriminator."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.contract.toys import BATCH, Toy

RADIUS, NOISE = 2.0, 0.1
GENERATOR = nn.Sequential([nn.Dense(32), nn.tanh, nn.Dense(2)])
DISCRIMINATOR = nn.Sequential([nn.Dense(64), nn.tanh, nn.Dense(1)])


class Gan(Toy):
    steps = 600
    optimizers: ClassVar = {
        "generator": {"name": "adam", "learning_rate": 5e-3, "b1": 0.0, "b2": 0.99},
        "discriminator": {"name": "adam", "learning_rate": 1e-2, "b1": 0.0, "b2": 0.99},
    }

    def draw(self, rng):
        angle = rng.uniform(0, 2 * np.pi, (BATCH, 1)) - [0, np.pi / 2]  # sin a = cos(a - pi / 2)
        return {
            "real": np.float32(RADIUS * np.cos(angle) + NOISE * rng.standard_normal((BATCH, 2)))
        }

    def init(self, rng, batch):
        one, other = (net.init(rng, batch["real"]) for net in (GENERATOR, DISCRIMINATOR))
        return {"generator": one, "discriminator": other}, {}

    def groups(self, params):
        return jax.tree.map_with_path(lambda path, _: path[0].key, params)

    def discriminator_loss(self, params, real, noise):
        scores = functools.partial(DISCRIMINATOR.apply, params["discriminator"])
        fake = GENERATOR.apply(params["generator"], noise)
        slope = jax.grad(lambda points: scores(points).sum())(real)
        penalty = jnp.square(slope).sum(-1).mean() / 4  # R1, Mescheder et al. 2018
        return (nn.softplus(-scores(real)) + nn.softplus(scores(fake))).mean() + penalty

    def generator_loss(self, params, noise):
        fake = GENERATOR.apply(params["generator"], noise)
        return nn.softplus(-DISCRIMINATOR.apply(params["discriminator"], fake)).mean()

    def update(self, state, batch, rng, apply):
        noise = jax.random.normal(rng, (BATCH, 2))
        grads = jax.grad(self.discriminator_loss)(state.params, batch["real"], noise)
        state = apply(state, grads, only="discriminator")
        loss, grads = jax.value_and_grad(self.generator_loss)(state.params, noise)
        return apply(state, grads, only="generator"), {"loss": (loss, 1.0)}

    def measure(self, params, model_state, rng):
        points = GENERATOR.apply(params["generator"], jax.random.normal(rng, (1024, 2)))
        radius, excess = jnp.linalg.norm(points, axis=-1), jnp.cov(points.T) - 2 * jnp.eye(2)
        return {"radius": radius.mean(), "width": radius.std(), "excess": jnp.abs(excess).max()}


def test_draws_the_circle(trained):
    """A normal distribution with the same covariance has mean radius 1.77 and width 0.93."""
    final = trained(Gan).final
    assert final["val/radius"] == pytest.approx(RADIUS, abs=0.1)
    assert final["val/width"] < 0.45
    assert final["val/excess"] < 0.4  # of the covariance over that of the circle


def test_the_generator_sees_the_updated_discriminator(trained):
    run = trained(Gan)
    task, state = run.task, run.setup.fresh()
    real = run.setup.source.batch(0)["real"]
    noise = jax.random.normal(jax.random.fold_in(state.rng, 0), (BATCH, 2))
    grads = jax.jit(jax.grad(task.discriminator_loss))(state.params, real, noise)
    rate = Gan.optimizers["discriminator"]["learning_rate"]
    # Adam's first update is the learning rate along the sign of the gradient
    updated = jax.tree.map(lambda p, g: p - rate * np.sign(g), state.params, grads)
    gradient = jax.jit(jax.grad(task.generator_loss))

    def norm(discriminator):
        grads = gradient({**state.params, "discriminator": discriminator}, noise)["generator"]
        return np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(grads)))

    recorded = run.rows[0]["optim/grad_norm_generator"]
    assert recorded == pytest.approx(norm(updated["discriminator"]), rel=1e-4)
    assert recorded != pytest.approx(norm(state.params["discriminator"]), rel=0.05)
