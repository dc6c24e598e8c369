"""The kernel that embeds patches, at another patch size: FlexiViT's pseudo-inverse resize.

A patch x of the old size that is resized to B x should be embedded as before: <x, w> = <B x, w'>.
The w' with the least error over patches of white noise is pinv(B^T) w; where patches grow it has no
error (Beyer et al. 2023, https://arxiv.org/abs/2212.08013, section 3.4).

Shapes: p q sides of a patch, C channels, D features.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def resize_patches(kernel: Array, side: int) -> Array:
    """[p, p, C, D] -> [side, side, C, D]; a linear map of the kernel, so gradients pass."""
    rows, columns, channels, features = kernel.shape
    if (rows, columns) == (side, side):
        return kernel
    matrix = jnp.asarray(_pseudo_inverse(rows, columns, side), jnp.float32)  # [q q, p p]
    flat = kernel.reshape(rows * columns, channels * features).astype(jnp.float32)
    # at the highest precision: a TPU's products would round to bfloat16
    resized = jnp.matmul(matrix, flat, precision=jax.lax.Precision.HIGHEST)
    return resized.reshape(side, side, channels, features).astype(kernel.dtype)


@functools.cache
def _pseudo_inverse(rows: int, columns: int, side: int) -> np.ndarray:
    """pinv(B^T) [side side, rows columns], of the B that resizes patches."""
    resize = np.kron(_bilinear(rows, side), _bilinear(columns, side))  # B
    return np.linalg.pinv(resize.T)


def _bilinear(old: int, new: int) -> np.ndarray:
    """[new, old]: bilinear weights with half-pixel centres; smoothed where patches shrink."""
    scale = max(old / new, 1.0)  # the width of the triangle, in old pixels
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    distance = np.abs(centres[:, None] - np.arange(old)) / scale
    weights = np.maximum(0.0, 1.0 - distance)
    return weights / weights.sum(1, keepdims=True)
