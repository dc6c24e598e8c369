"""Images out of a trained generator; each is a function of the seed and its own number.

Shapes: n samples, B batch, H W space, C channels.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.diffusion import Guidance, Plan, draw
from effjax.trained.spread import Spread


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
      labels: [n] int; the number of classes is "no label".
      plan: sampler and steps of a diffusion; None: one pass draws an image.
      guidance: how strongly samples follow their labels.
      seed: of all noise.
      batch: samples at a time; it does not change them.
    """

    labels: np.ndarray
    plan: Plan | None
    guidance: Guidance
    seed: int = 0
    batch: int = 64


def generate(task: Any, variables: Any, request: Request) -> np.ndarray:
    """uint8 [n, H, W, C]; of a run on latents float32, as the autoencoder made them.

    Args:
      task: a `Diffusion` or an `Adversarial`.
      variables: of its network.
    """
    return Generator(task, request)(variables)


class Generator:
    """Draws what is asked for, with weights that may change: compiled at its first call.

    Args:
      task: a `Diffusion` or an `Adversarial`.
      request: of all calls.
    """

    def __init__(self, task: Any, request: Request):
        self._labels = request.labels
        # [n]: samples with the same number may be drawn in one batch
        self._apart = np.zeros(len(request.labels), np.int32)
        if request.plan is not None:
            self._apart = task.drawn_apart(request.labels)
        self._spread = Spread(min(request.batch, len(request.labels)))
        shape = task.split.image_shape

        def sample(weights: Any, number: Array, label: Array) -> Array:
            keys = sample_keys(request.seed, number)
            if request.plan is None:
                return to_pixels(draw_at_once(task, weights, keys, label))
            x = draw_samples(task, weights, keys, label, shape, request)
            if task.options.latents is not None:
                return x / task.latent_scale
            return to_pixels(x)

        self._sample = jax.jit(sample)

    def __call__(self, variables: Any) -> np.ndarray:
        """Samples [n, H, W, C] with the network's `variables`, see `generate`."""
        weights = self._spread.copy(variables)
        images: list[Any] = [None] * len(self._labels)
        for numbers in self._batches():
            for number, image in zip(numbers, self._draw(weights, numbers)):
                images[number] = image
        return np.stack(images)

    def _batches(self) -> Iterator[np.ndarray]:
        """Numbers of samples, a batch at most, that may be drawn together."""
        for group in np.unique(self._apart):
            numbers = np.flatnonzero(self._apart == group)
            for start in range(0, len(numbers), self._spread.batch):
                yield numbers[start : start + self._spread.batch]

    def _draw(self, weights: Any, numbers: np.ndarray) -> np.ndarray:
        """The samples of these numbers, a batch at most."""
        # a smaller batch is filled up with samples that are thrown away
        filled = np.resize(numbers, self._spread.batch)
        labels = self._labels[filled].astype(np.int32)
        sent = self._spread.send(number=filled.astype(np.int32), label=labels)
        return np.asarray(self._sample(weights, **sent))[: len(numbers)]


def sample_keys(seed: int, number: Array) -> Array:
    """[B]: the key of each of the samples `number` [B]."""
    base = jax.random.key(seed)
    return jax.vmap(lambda i: jax.random.fold_in(base, i))(number)


def draw_at_once(task: Any, weights: Any, keys: Array, label: Array) -> Array:
    """[B, H, W, C]: what a generator makes of one noise."""
    latent = task.model.architecture.latent
    noise = jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)
    return task.model.apply(weights, noise, label)


def draw_samples(
    task: Any, weights: Any, keys: Array, label: Array, shape: tuple[int, ...], request: Request
) -> Array:
    """[B, H, W, C]: samples of a diffusion with these keys [B], in the space of the network."""

    def noise_of_step(i: Array) -> Array:
        # 0 is left to the noise that a sample starts from
        own = jax.vmap(lambda key: jax.random.fold_in(key, i + 1))(keys)
        return jax.vmap(lambda key: jax.random.normal(key, shape))(own)

    def conditional(x: Array, told: Array, labels: Array) -> Array:
        # guidance doubles the batch, and the second half has no label
        classes = jnp.resize(label, labels.shape)
        return task.denoise(weights, x, told, labels, classes)

    start = noise_of_step(jnp.asarray(-1))
    network = request.guidance.network(conditional, label, task.model.num_classes)
    return draw(task.process, network, start, noise_of_step, request.plan)


def to_pixels(x: Array) -> Array:
    """[-1, 1] -> uint8, rounded."""
    return jnp.clip(jnp.round((x + 1) * 127.5), 0, 255).astype(jnp.uint8)
