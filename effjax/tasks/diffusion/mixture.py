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
        first = self._batch(0)
        self.spec = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), first)

    def batches(self, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        step = start
        while True:
            yield self._batch(step)
            step += 1

    def _batch(self, step: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self._seed, step))
        weights = np.exp(MIXTURE.logits)
        shares = weights / weights.sum()
        component = rng.choice(len(shares), self._size, p=shares)
        centre = MIXTURE.means[component]
        points = centre + MIXTURE.width * rng.standard_normal(centre.shape)
        points = points.astype(np.float32)
        index = np.arange(self._size, dtype=np.int32)
        # all processes draw the same batch; each takes its own rows
        mine = slice(jax.process_index(), None, jax.process_count())
        return {
            "point": self._in_parts(points[mine]),
            "index": self._in_parts(index[mine]),
        }

    def _in_parts(self, values: np.ndarray) -> np.ndarray:
        """[B, ...] -> [parts, B / parts, ...] where gradients are accumulated."""
        if self._parts == 1:
            return values
        return values.reshape(self._parts, -1, *values.shape[1:])


class Net(nn.Module):
    """Two hidden layers on a point and what it is told of the noise."""

    width: int

    @nn.compact
    def __call__(self, x: Array, told: Array) -> Array:
        told = told[:, None]
        h = jnp.concatenate([x, told, jnp.sin(told)], axis=-1)
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
        point = jnp.zeros((1, 2))
        told = jnp.zeros(1)
        return self.net.init(rng, point, told), {}

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        # draws of an example's own number: the same however the batch is divided
        keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(batch["index"])
        draws = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
        level = draws[:, 0]
        noise = draws[:, 1:]
        # EDM's noise levels take no uniform draw
        sigma = self.edm.time(level, level)
        network = self.network(params)
        losses = self.edm.loss(network, batch["point"], noise, sigma, step)
        count = jnp.asarray(float(len(losses)))
        metrics = {"loss": (losses.sum(), count)}
        return losses.mean(), (model_state, metrics)

    def network(self, params: Params) -> Any:
        """(x, told) -> output."""
        return lambda x, told: self.net.apply(params, x, told)

    def errors(self, params: Params) -> Array:
        """[levels]: squared errors against the exact denoiser, as shares of the data's variance."""
        # one seed for all: errors of two runs are of the same points
        for_point, for_component, for_noise = jax.random.split(jax.random.key(SEED), 3)
        normal = jax.random.normal(for_point, (POINTS, 2))
        uniform = jax.random.uniform(for_component, (POINTS,))
        clean = MIXTURE.draw(normal, uniform)
        noise = jax.random.normal(for_noise, (POINTS, 2))
        network = self.network(params)

        def at_level(level: Array) -> Array:
            sigma = jnp.full(POINTS, level)
            x = clean + level * noise
            denoised = self.edm.denoise(network, x, sigma)
            away = denoised - MIXTURE.denoised(x, sigma)
            return jnp.square(away).mean() / clean.var()

        return jax.lax.map(at_level, jnp.asarray(LEVELS))

    def evaluators(self, config: View) -> dict[str, "Exact"]:
        found = {}
        for name in config.evals:
            found[name] = Exact(self.errors, config.evals[name])
        return found


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
