"""Crops of a batch through an encoder, those of one size at a time.

Shapes: B batch, V crops, h w their size, C features.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.contract import Batch
from effjax.data.several import PREFIX
from effjax.models.base import ImageModel
from effjax.models.blocks.positions import interpolate_tokens
from effjax.models.families.vit import Shown, ViT

Features = dict[str, Array]
APART = 1 << 20  # examples of a batch have smaller indices: each crop draws for itself


def gather_crops(batch: Batch, names: Sequence[str]) -> list[Array]:
    """uint8 [B, V, h, w, 3] for each run of views of one size, in the order of `names`."""
    runs: list[list[Array]] = []
    for name in names:
        crops = batch[PREFIX + name]
        if runs and runs[-1][0].shape[2:] == crops.shape[2:]:
            runs[-1].append(crops)
        else:
            runs.append([crops])
    return [jnp.concatenate(run, axis=1) for run in runs]


def by_crop(rows: Array, batch: int) -> Array:
    """[B * V, ...] -> [V, B, ...]."""
    return rows.reshape(batch, -1, *rows.shape[1:]).swapaxes(0, 1)


def by_example(crops: Array) -> Array:
    """[V, B, ...] -> [B * V, ...], the way back."""
    return crops.swapaxes(0, 1).reshape(-1, *crops.shape[2:])


def fitted(model: ImageModel, params: Any, size: tuple[int, int]) -> Any:
    """A ViT's parameters with positions for crops of `size`; other networks take any size."""
    if not isinstance(model, ViT):
        return params
    side = model.architecture.patch_size
    known = model.token_grid(params["pos_embed"].shape[1] - 1)
    wanted = (size[0] // side, size[1] // side)
    if known == wanted:
        return params
    positions = interpolate_tokens(params["pos_embed"], known, wanted)
    return {**params, "pos_embed": positions}


class Encoder:
    """The features of crops, with the running averages of one network as they move on.

    Args:
      model: the encoder.
      params: its parameters.
      collections: its state, such as "batch_stats".
      examples: int [B], the indices of the examples; negative ones are padding.
      key: of dropout and stochastic depth.
    """

    def __init__(
        self,
        model: ImageModel,
        params: Any,
        collections: Mapping[str, Any],
        examples: Array,
        key: Array | None = None,
    ):
        self._model = model
        self._params = params
        self.collections = dict(collections)
        self._examples = examples
        self._key = key

    def __call__(self, crops: Array, number: int, shown: Shown | None = None) -> Features:
        """Each [B * V, ...] of normalised crops [B, V, h, w, 3].

        Args:
          number: of the first of these crops, among those of an example.
          shown: of a ViT: patches that are hidden.
        """
        batch, count = crops.shape[:2]
        images = crops.reshape(batch * count, *crops.shape[2:])
        params = fitted(self._model, self._params, crops.shape[2:4])
        further = {} if shown is None else {"shown": shown}
        found, changed = self._model.apply(
            {"params": params, **self.collections},
            images,
            train=True,
            examples=self._of_crops(number, count),
            rngs={} if self._key is None else {"dropout": self._key},
            mutable=[name for name in self.collections if name != "constants"],
            method="features",
            **further,
        )
        self.collections.update(changed)
        return found

    def _of_crops(self, number: int, count: int) -> Array:
        """[B * V]: an index for each crop."""
        crops = number + jnp.arange(count)
        # padding stays negative, and as far apart
        sign = jnp.where(self._examples < 0, -1, 1)
        indices = self._examples[:, None] + sign[:, None] * APART * crops[None]
        return indices.reshape(-1)


def without_drops(model: ImageModel) -> ImageModel:
    """The network as a teacher runs it: batch statistics of its own batch, and nothing dropped."""
    rates = {}
    for name in ("drop_path_rate", "head_dropout"):
        if hasattr(model.architecture, name):
            rates[name] = 0.0
    return model.clone(architecture=dataclasses.replace(model.architecture, **rates))


def for_any_square(model: ImageModel) -> ImageModel:
    """The network without a size of its own: crops are square, and of several sizes."""
    if getattr(model.architecture, "image_size", None) is None:
        return model
    return model.clone(architecture=dataclasses.replace(model.architecture, image_size=None))


def concatenated(parts: Sequence[Features], name: str, batch: int) -> Array:
    """[V, B, ...]: one feature of all crops."""
    return jnp.concatenate([by_crop(part[name], batch) for part in parts])


def stopped(tree: Any) -> Any:
    """Nothing is learned through it."""
    return jax.tree.map(jax.lax.stop_gradient, tree)
