"""Features of labelled images: an encoder's, those of an untrained one, and raw pixels.

A small network hardly beats raw pixels, and an untrained one is better than nothing: whatever is
said of features is said beside those two.

Shapes: B batch, N examples, C channels, H W space.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from effjax.contract import Batch, Variables, split_variables
from effjax.errors import UserError

PIXELS = 32  # larger images are averaged down to it: raw pixels are a baseline, not a method
OWN = ""  # the prefix of what is said of the encoder itself
BASELINES = ("untrained_", "pixels_")

Way = Callable[[jax.Array], jax.Array]  # uint8 [B, H, W, 3] -> float32 [B, C]


class Encodings:
    """Ways from images to features, by the prefix of the numbers that are said of them.

    Args:
      task: has `model`, `pixels`, `init`, `split`, `networks`, `handed_on`, `network_variables`.
      name: of the section of `config.evals`, for messages.
      network: "student" or "teacher"; None: the one that the task hands on.
      layer: "stage1", ..., "pooled" or "prelogits"; maps and tokens are averaged.
      seed: of the run.

    Raises:
      UserError: the task has no such network.
    """

    def __init__(self, task: Any, name: str, network: str | None, layer: str, seed: int):
        self._network = network or task.handed_on
        if self._network not in task.networks:
            raise UserError(
                f"config.evals.{name}.network = {network!r}: task {task.name!r} has "
                f"{', '.join(task.networks)}"
            )
        self._task = task
        self._layer = layer
        self._seed = seed
        self._encode = jax.jit(self._features)
        self._shrink = jax.jit(shrunk_pixels)

    def ways(self, variables: Variables, baselines: bool) -> dict[str, Way]:
        """That of the encoder in a run's variables; with `baselines`, also those of BASELINES."""
        params, state = split_variables(variables)
        encoder = self._task.network_variables(params, state, self._network)
        found: dict[str, Way] = {OWN: functools.partial(self._encode, encoder)}
        if baselines:
            found["untrained_"] = functools.partial(self._encode, self._untrained())
            found["pixels_"] = self._shrink
        return found

    def _untrained(self) -> Variables:
        """The encoder as a run of this seed begins, without weights to start from."""
        batch = {}
        for name, leaf in self._task.split.spec.items():
            batch[name] = jnp.zeros(leaf.shape, leaf.dtype)
        params, state = jax.jit(self._task.init)(jax.random.key(self._seed), batch)
        return self._task.network_variables(params, state, self._network)

    def _features(self, variables: Variables, images: jax.Array) -> jax.Array:
        pixels = self._task.pixels(images)
        found = self._task.model.apply(variables, pixels, method="features")
        if self._layer not in found:
            raise UserError(f"the model has no layer {self._layer!r}; it has {', '.join(found)}")
        return flat_features(found[self._layer])


def encoded(
    ways: Mapping[str, Way], batches: Iterable[Batch]
) -> tuple[dict[str, list[np.ndarray]], list[np.ndarray]]:
    """({prefix: features [., C] of each batch}, labels [.] of each), of what can be read."""
    features: dict[str, list[np.ndarray]] = {prefix: [] for prefix in ways}
    labels = []
    for batch in batches:
        valid = on_host(batch["mask"]) > 0
        labels.append(on_host(batch["label"])[valid])
        for prefix, way in ways.items():
            rows = on_host(way(batch["image"]))
            features[prefix].append(rows[valid])
    return features, labels


def flat_features(layer: jax.Array) -> jax.Array:
    """A layer as float32 [B, C]: maps [B, H, W, C] and tokens [B, N, C] are averaged."""
    between = tuple(range(1, layer.ndim - 1))
    # a network may compute in bfloat16, too coarse for distances
    wide = layer.astype(jnp.float32)
    return wide.mean(between) if between else wide


def shrunk_pixels(images: jax.Array) -> jax.Array:
    """uint8 [B, H, W, 3] -> float32 [B, C]: centred values, of at most PIXELS a side."""
    batch, height, width, channels = images.shape
    size = (batch, min(height, PIXELS), min(width, PIXELS), channels)
    small = jax.image.resize(images / 127.5 - 1.0, size, "linear", antialias=True)
    return small.reshape(batch, -1)


def on_host(values: jax.Array) -> np.ndarray:
    """All of an array, also where other hosts hold parts of it."""
    if jax.process_count() > 1 and not isinstance(values, np.ndarray):
        return np.asarray(multihost_utils.process_allgather(values, tiled=True))
    return np.asarray(values)
