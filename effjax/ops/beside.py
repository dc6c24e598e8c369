"""Images side by side in the channels, where the channels of one leave a TPU's lanes empty.

Shapes: B batch, C channels of one image, k images side by side, ... any axes between.

A map of 64 channels takes as long to pass over as one of 128. Two images as one map
[B / 2, ..., 2 C] fill the lanes. A product with diag(W, W) gives each image its own result, and
costs the matrix unit nothing, since that fills up 64 channels as well.
"""

import contextlib
import contextvars
from collections.abc import Iterator

import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.platform import devices_of_a_batch, on_tpu

LANES = 128  # of a TPU's vector registers
ROWS = 8  # of a TPU's tile: neighbours that are moved together

_count = contextvars.ContextVar("images side by side", default=1)
_apart = contextvars.ContextVar("images apart", default=False)


def images_beside(batch: int, channels: int) -> int:
    """How many images of a batch are best put side by side; 1 if they stay apart.

    More than 1 on a TPU alone, and only if no image has to go to another device for it.
    """
    devices = devices_of_a_batch()
    if not on_tpu() or devices is None or LANES % channels or _apart.get():
        return 1
    count = LANES // channels
    return count if batch % (devices * count * ROWS) == 0 else 1


@contextlib.contextmanager
def images_apart() -> Iterator[None]:
    """Inside, none are put side by side: what takes the place of a layer knows of one alone."""
    token = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(token)


@contextlib.contextmanager
def side_by_side(count: int) -> Iterator[None]:
    """Inside, layers take maps with so many images side by side in their channels."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


def beside() -> int:
    """How many images a map has side by side, where this is traced."""
    return _count.get()


def own_channels(x: Array) -> int:
    """The channels of one image of ``x`` [..., k C]."""
    return x.shape[-1] // beside()


def put_beside(x: Array, count: int) -> Array:
    """[B, ..., C] -> [B / k, ..., k C]: an image beside those `ROWS`, 2 `ROWS`, ... further on."""
    if count == 1:
        return x
    batch, *space, channels = x.shape
    runs = x.reshape(-1, count, ROWS, *space, channels)
    together = jnp.moveaxis(runs, 1, -2)  # [., ROWS, ..., k, C]
    return together.reshape(batch // count, *space, count * channels)


def put_apart(x: Array, count: int) -> Array:
    """The inverse of `put_beside`."""
    if count == 1:
        return x
    batch, *space, channels = x.shape
    runs = x.reshape(-1, ROWS, *space, count, channels // count)
    return jnp.moveaxis(runs, -2, 1).reshape(batch * count, *space, channels // count)


def for_each_channel(parameter: Array, x: Array) -> Array:
    """`parameter` [C] for the channels of ``x`` [..., k C], in its rank and dtype."""
    parameter = parameter.astype(x.dtype)
    count = x.shape[-1] // parameter.size
    if count > 1:
        parameter = jnp.tile(parameter, count)
    leading = (1,) * (x.ndim - 1)
    return parameter.reshape(*leading, -1)


def for_each_image(values: Array, x: Array) -> Array:
    """`values` [B] for the images of ``x`` [B / k, ..., k C], in its rank."""
    count = beside()
    further = (1,) * (x.ndim - 2)
    own = put_beside(values.reshape(-1, *further, 1), count)  # [B / k, 1, ..., k]
    return own if count == 1 else jnp.repeat(own, x.shape[-1] // count, axis=-1)


def on_the_diagonal(kernel: Array, count: int) -> Array:
    """[..., I, O] -> [..., k I, k O]: the kernel of so many images side by side."""
    if count == 1:
        return kernel
    *leading, inputs, outputs = kernel.shape
    own = jnp.eye(count, dtype=kernel.dtype)
    own = own.reshape(*(1,) * len(leading), count, 1, count, 1)
    blocks = kernel[..., None, :, None, :] * own  # [..., k, I, k, O]
    whole = blocks.reshape(*leading, count * inputs, count * outputs)
    # else XLA splits the channels of the maps, rather than those of the kernel and its gradient
    return lax.optimization_barrier(whole)
