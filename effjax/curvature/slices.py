"""Slices of a loss: its values along directions whose filters are as long as the weights' own.

Li, Xu, Taylor, Studer, Goldstein: Visualizing the loss landscape of neural nets, NeurIPS 2018.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from effjax.curvature.sharpness import normal_like, tree_norm

Params = Any
By = Literal["filter", "layer", "weight"]
TINY = 1e-10  # beside the norm of a filter of the direction


def random_direction(
    key: jax.Array, params: Params, by: By = "filter", output_axis: int = -1
) -> Params:
    """A normal draw like `params`, scaled as `scaled_direction` does."""
    return scaled_direction(normal_like(key, params), params, by, output_axis)


def scaled_direction(
    direction: Params, params: Params, by: By = "filter", output_axis: int = -1
) -> Params:
    """The direction, scaled part by part to the length of the weights; biases and norms are held.

    Args:
      by: "filter": each output unit; "layer": each array; "weight": each entry (times its weight).
      output_axis: the axis of output units: the last one in flax, the first in PyTorch.
    """

    def leaf(d: jax.Array, w: jax.Array) -> jax.Array:
        if w.ndim <= 1:
            return jnp.zeros_like(d)
        if by == "weight":
            return d * w
        if by == "layer":
            return d * (jnp.linalg.norm(w.ravel()) / jnp.linalg.norm(d.ravel()))
        # a filter is all that belongs to one output
        axes = tuple(set(range(w.ndim)) - {output_axis % w.ndim})
        wanted_lengths = jnp.sqrt((w * w).sum(axes, keepdims=True))
        lengths = jnp.sqrt((d * d).sum(axes, keepdims=True))
        return d * (wanted_lengths / (lengths + TINY))

    return jax.tree.map(leaf, direction, params)


def as_long_as(direction: Params, other: Params) -> Params:
    """`direction` scaled as a whole to the length of `other`: two slices then share their axis."""
    scale = tree_norm(other) / (tree_norm(direction) + TINY)
    return jax.tree.map(lambda d: scale * d, direction)


def slice_1d(
    loss_at: Callable[[Params], float], params: Params, direction: Params, places: Sequence[float]
) -> np.ndarray:
    """float64 [len(places)]: the loss at params + place * direction.

    Args:
      loss_at: params -> loss. With batch norm it recomputes the running statistics at each
        point, or the slice shows how they fail to match.
    """
    losses = []
    for place in places:
        losses.append(float(loss_at(moved(params, direction, place))))
    return np.array(losses)


def slice_2d(
    loss_at: Callable[[Params], float],
    params: Params,
    directions: tuple[Params, Params],
    places: Sequence[float],
) -> np.ndarray:
    """float64 [n, n]: the loss at params + places[i] * first + places[j] * second."""
    first, second = directions
    rows = []
    for place in places:
        # a row of the plane is a line from there along the second direction
        begin = moved(params, first, place)
        rows.append(slice_1d(loss_at, begin, second, places))
    return np.array(rows)


def moved(params: Params, direction: Params, length: float) -> Params:
    """params + length * direction."""
    return jax.tree.map(lambda w, d: w + length * d, params, direction)
