"""The task `mixture`: points of a known mixture, and a denoiser beside the exact one.

A held-out loss has a floor that nobody knows. Here the error of a network at each noise level is
known by itself, so that one sees in seconds what another scaling of its input changes.
Shapes: B batch.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.config import View
from effjax.contract import Batch, Metrics, Params, Source, Task, Variables, split_variables
from effjax.diffusion import Edm
from effjax.diffusion.mixture import Mixture
from effjax.errors import UserError
from effjax.ranges import Count, Positive
from effjax.tasks.registry import register_task

# three clusters in the plane, with a standard deviation of about 0.5 in all
MIXTURE = Mixture(
    means=np.asarray([[0.6, 0.2], [-0.6, 0.3], [0.1, -0.7]]),
    logits=np.asarray([0.0, 0.5, -0.5]),
    width=0.08,
)
LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
POINTS = 512  # at which an error is measured, for each level
SEED = 11
NAME = "exact"


class Points(Source):
    """Batches of points, drawn anew in each step."""

    num_examples = 1 << 20

    def __init__(self, seed: int, batch_size: int, parts: int):
        self._seed = seed
        self._size = batch_size
        self._parts = parts
        self.spec = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), self._batch(0))

    def batches(self, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        step = start
        while True:
            yield self._batch(step)
            step += 1

    def _batch(self, step: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self._seed, step))
        shares = np.exp(MIXTURE.logits) / np.exp(MIXTURE.logits).sum()
        centre = MIXTURE.means[rng.choice(len(shares), self._size, p=shares)]
        points = centre + MIXTURE.width * rng.standard_normal(centre.shape)
        index = np.arange(self._size, dtype=np.int32)
        mine = slice(jax.process_index(), None, jax.process_count())
        batch = {"point": points.astype(np.float32)[mine], "index": index[mine]}
        if self._parts > 1:
            return {k: v.reshape(self._parts, -1, *v.shape[1:]) for k, v in batch.items()}
        return batch


class Net(nn.Module):
    """Two hidden layers on a point and what it is told of the noise."""

    width: int

    @nn.compact
    def __call__(self, x: Array, told: Array) -> Array:
        h = jnp.concatenate([x, told[:, None], jnp.sin(told)[:, None]], -1)
        for _ in range(2):
            h = jax.nn.silu(nn.Dense(self.width)(h))
        return nn.Dense(x.shape[-1])(h)


@register_task("mixture", "points of a known mixture: errors against the exact denoiser")
class MixtureTask(Task):
    """Learns a denoiser by EDM, or FDM, beside the exact one."""

    @dataclasses.dataclass(frozen=True)
    class Config(Task.Config):
        """Keys of `config.task`."""

        width: Count = 64  # of the network's hidden layers
        momentum: Positive | None = None  # FDM's multiplier; None: EDM's input scaling
        weight_warmup: Count | None = None  # FDM: updates in which the loss weights are bounded

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        options = self.options
        self.edm = Edm(momentum=options.momentum, weight_warmup=options.weight_warmup)
        self.net = Net(options.width)

    def source(self) -> Source:
        return Points(self.config.seed, self.config.data.batch_size, self.config.accumulate)

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        return self.net.init(rng, jnp.zeros((1, 2)), jnp.zeros(1)), {}

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(batch["index"])
        draws = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
        sigma = self.edm.time(draws[:, 0], draws[:, 0])
        losses = self.edm.loss(self.network(params), batch["point"], draws[:, 1:], sigma, step)
        count = jnp.asarray(float(losses.shape[0]))
        return losses.mean(), (model_state, {"loss": (losses.sum(), count)})

    def network(self, params: Params) -> Any:
        """(x, told) -> output."""
        return lambda x, told: self.net.apply(params, x, told)

    def errors(self, params: Params) -> Array:
        """[levels]: squared errors against the exact denoiser, as shares of the data's variance."""
        keys = jax.random.split(jax.random.key(SEED), 3)
        clean = MIXTURE.draw(
            jax.random.normal(keys[0], (POINTS, 2)), jax.random.uniform(keys[1], (POINTS,))
        )
        noise = jax.random.normal(keys[2], (POINTS, 2))

        def at_level(level: Array) -> Array:
            sigma = jnp.full(POINTS, level)
            x = clean + level * noise
            away = self.edm.denoise(self.network(params), x, sigma) - MIXTURE.denoised(x, sigma)
            return jnp.square(away).mean() / clean.var()

        return jax.lax.map(at_level, jnp.asarray(LEVELS))

    def evaluators(self, config: View) -> dict[str, "Exact"]:
        return {name: Exact(self.errors, config.evals[name]) for name in config.evals}


class Exact:
    """The error of a denoiser against the exact one, in all and at each noise level."""

    source = None

    def __init__(self, errors: Any, section: View):
        if section.evaluator != NAME:
            raise UserError(
                f"task 'mixture' has no evaluator {section.evaluator!r}; known: {NAME!r}"
            )
        self._errors = jax.jit(errors)

    def __call__(
        self, variables: Variables, rng: Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("error", mean over levels) and ("sigma<level>_error", its own)."""
        params, _ = split_variables(variables)
        found = np.asarray(self._errors(params))
        yield "error", float(found.mean())
        for level, error in zip(LEVELS, found, strict=True):
            yield f"sigma{level:g}_error", float(error)
