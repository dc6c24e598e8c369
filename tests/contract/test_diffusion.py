"""Diffusion on a mixture of two normal distributions, whose score is known at every noise level.

D is the denoiser of Karras et al. 2022 (EDM), whose optimum is E[clean | noisy]; the score is
(D - x) / s^2.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.contract.toys import BATCH, Toy

MEANS, WIDTH = jnp.array([[1.5, 0.5], [-1.5, -0.5]]), 0.3
SPREAD = 1.15  # standard deviation of the mixture, both axes together
LEVELS = jnp.concatenate([jnp.geomspace(10.0, 0.05, 24), jnp.zeros(1)])
NET = nn.Sequential([nn.Dense(64), nn.silu, nn.Dense(64), nn.silu, nn.Dense(2)])


class Diffusion(Toy):
    steps = 600
    optimizers: ClassVar = {"default": {"name": "adam", "learning_rate": 1e-2}}

    def draw(self, rng):
        centre = np.asarray(MEANS)[rng.integers(2, size=BATCH)]
        return {"clean": np.float32(centre + WIDTH * rng.standard_normal((BATCH, 2)))}

    def init(self, rng, batch):
        return NET.init(rng, jnp.zeros((1, 3))), {}

    def denoise(self, params, x, s):
        size = jnp.sqrt(s**2 + SPREAD**2)
        inside = NET.apply(params, jnp.concatenate([x / size, jnp.log(s) / 2], -1))
        return x * (SPREAD / size) ** 2 + inside * s * SPREAD / size

    def loss(self, params, model_state, batch, rng, step):
        draws = jax.random.normal(rng, (BATCH, 3))
        s = jnp.exp(1.2 * draws[:, :1] - 0.8)
        noisy = batch["clean"] + s * draws[:, 1:]
        weight = (s**2 + SPREAD**2) / (s * SPREAD) ** 2
        loss = (weight * (self.denoise(params, noisy, s) - batch["clean"]) ** 2).mean()
        return loss, (model_state, {"loss": (loss, 1.0)})

    def measure(self, params, model_state, rng):
        def euler(x, levels):
            here, there = levels
            score = (self.denoise(params, x, jnp.full((512, 1), here)) - x) / here**2
            return x + (here - there) * here * score, None

        noise = LEVELS[0] * jax.random.normal(rng, (512, 2))
        samples, _ = jax.lax.scan(euler, noise, (LEVELS[:-1], LEVELS[1:]))
        away = jnp.linalg.norm(samples[:, None] - MEANS[None], axis=-1)
        width = jnp.sqrt(jnp.square(away.min(1)).mean() / 2)
        return {"share": (away.argmin(1) == 0).mean(), "width": width}


def posterior_mean(x, s):
    """E[clean | x] for x [B, 2] at noise s: each component shrinks x; weighted by likelihood."""
    variance = WIDTH**2 + s**2
    away = x[:, None] - MEANS[None]  # [B, component, 2]
    weight = jax.nn.softmax(-jnp.square(away).sum(-1, keepdims=True) / (2 * variance), axis=1)
    return (weight * (MEANS[None] + away * WIDTH**2 / variance)).sum(1)


@pytest.mark.parametrize("s", [0.5, 1.0, 2.0])
def test_learns_the_known_score(s, trained):
    """Within a tenth of the error of the best linear denoiser, which the network starts from."""
    run = trained(Diffusion)
    noise = s * np.random.default_rng(1).standard_normal((BATCH, 2)).astype(np.float32)
    x = run.setup.source.batch(Diffusion.steps)["clean"] + noise
    known = jax.jit(posterior_mean)(x, s)
    learned = jax.jit(run.task.denoise)(run.state.params, x, jnp.full((BATCH, 1), s))
    linear = x * SPREAD**2 / (SPREAD**2 + s**2)
    assert np.square(learned - known).mean() < 0.1 * np.square(linear - known).mean()


def test_samples_the_mixture(trained):
    final = trained(Diffusion).final
    assert final["val/share"] == pytest.approx(0.5, abs=0.07)
    assert final["val/width"] == pytest.approx(WIDTH, rel=0.2)
