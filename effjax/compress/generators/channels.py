"""Channels of a trained generator or critic that a narrower one begins with, and what it is taught.

GAN Compression, Li et al. 2020, https://arxiv.org/abs/2003.08936. Channels with large weights stay,
layer by layer: what a layer weighs counts only over the inputs that are left.
Shapes: C inputs, O outputs, B batch, H W space, ... other axes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.models.families.conv_gan import ConvCritic, ConvGenerator

Channels = np.ndarray  # int, which ones stay, the most important first


def most_important(kernel: Array, count: int, inputs: Channels | None = None) -> Channels:
    """[count]: the outputs with the largest sums of absolute weights.

    Args:
      kernel: [..., C, O].
      inputs: the channels that are left of C; None: all.
    """
    kept = np.asarray(kernel) if inputs is None else np.asarray(kernel)[..., inputs, :]
    sizes = np.abs(kept).reshape(-1, kept.shape[-1]).sum(0)
    return np.argsort(-sizes, kind="stable")[:count]


def sliced(kernel: Array, outputs: Channels, inputs: Channels | None = None) -> Array:
    """[..., inputs, outputs] of a kernel [..., C, O]; of a vector [O] its outputs."""
    chosen = jnp.asarray(kernel)[..., outputs]
    return chosen if inputs is None else chosen[..., inputs, :]


def feature_errors(students: Sequence[Array], teachers: Sequence[Array]) -> list[Array]:
    """[B] of each layer: mean squared errors of mapped features [B, H, W, C]."""
    found = []
    for student, teacher in zip(students, teachers, strict=True):
        errors = jnp.square(student - teacher)
        found.append(errors.reshape(len(errors), -1).mean(-1))
    return found


def narrow_generator(
    model: ConvGenerator, params: Any, widths: Sequence[int]
) -> tuple[ConvGenerator, Any]:
    """A generator with `widths` channels that begins with the most important ones of `model`.

    Args:
      params: of `model`.
      widths: of each map, at most those of `model`.
    """
    stem = most_important(_stem(model, params), widths[0])
    maps = []
    kept = stem
    for number, width in enumerate(widths):
        kept = most_important(params[f"blocks_{number}"]["conv"]["kernel"], width, kept)
        maps.append(kept)
    return cut_generator(model, params, maps, stem)


def _stem(model: ConvGenerator, params: Any) -> Array:
    """[D, H W, C]: the first layer gives a map."""
    a = model.architecture
    return params["stem"]["kernel"].reshape(-1, a.start_side**2, a.widths[0])


def cut_generator(
    model: ConvGenerator, params: Any, maps: Sequence[Sequence[int]], stem: Channels | None = None
) -> tuple[ConvGenerator, Any]:
    """A generator that has some channels of `model` alone.

    Args:
      params: of `model`.
      maps: of each map, the channels that stay.
      stem: those of the map that the first layer gives; None: as those of the first map.
    """
    a = model.architecture
    maps = [np.asarray(kept) for kept in maps]
    small = model.clone(architecture=dataclasses.replace(a, widths=tuple(map(len, maps))))
    kept = maps[0] if stem is None else stem
    kernel = _stem(model, params)
    bias = params["stem"]["bias"].reshape(a.start_side**2, a.widths[0])
    new = {
        "stem": {
            "kernel": sliced(kernel, kept).reshape(len(kernel), -1),
            "bias": sliced(bias, kept).reshape(-1),
        }
    }
    for number, outputs in enumerate(maps):
        name = f"blocks_{number}"
        new[name] = _narrow_block(params[name], outputs, kept)
        kept = outputs
    head = params["head"]
    colours = np.arange(head["kernel"].shape[-1])
    new["head"] = {"kernel": sliced(head["kernel"], colours, kept), "bias": head["bias"]}
    if "y_embedder" in params:
        new["y_embedder"] = params["y_embedder"]
    return small, new


def cut_critic(
    model: ConvCritic, params: Any, maps: Sequence[Sequence[int]]
) -> tuple[ConvCritic, Any]:
    """A critic that has some channels of `model` alone.

    Args:
      params: of `model`.
      maps: of each map, the channels that stay.
    """
    a = model.architecture
    maps = [np.asarray(kept) for kept in maps]
    small = model.clone(architecture=dataclasses.replace(a, widths=tuple(map(len, maps))))
    new = {}
    kept = None  # of colours all
    for number, outputs in enumerate(maps):
        layer = params[f"blocks_{number}"]
        new[f"blocks_{number}"] = {
            "kernel": sliced(layer["kernel"], outputs, kept),
            "bias": sliced(layer["bias"], outputs),
        }
        kept = outputs
    pixels = np.arange((a.image_size // 2 ** len(maps)) ** 2)
    # features are the last map, its channels last
    features = (pixels[:, None] * a.widths[-1] + kept[None]).reshape(-1)
    head = params["head"]
    new["head"] = {"kernel": jnp.asarray(head["kernel"])[features], "bias": head["bias"]}
    if "y_embedder" in params:
        table = params["y_embedder"]["embedding_table"]
        # the network divides by the root of the number of features
        factor = (len(features) / table.shape[-1]) ** 0.5
        new["y_embedder"] = {"embedding_table": sliced(table, features) * factor}
    return small, new


def _narrow_block(block: Any, outputs: Channels, inputs: Channels) -> Any:
    width = block["conv"]["kernel"].shape[-1]
    # scales, then shifts
    both = np.concatenate([outputs, width + outputs])
    return {
        "conv": {
            "kernel": sliced(block["conv"]["kernel"], outputs, inputs),
            "bias": sliced(block["conv"]["bias"], outputs),
        },
        "norm": {"scale": sliced(block["norm"]["scale"], outputs)},
        "condition": {
            "kernel": sliced(block["condition"]["kernel"], both),
            "bias": sliced(block["condition"]["bias"], both),
        },
    }
