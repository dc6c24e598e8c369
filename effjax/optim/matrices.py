"""What the methods for matrices share: which leaves they serve, and how these become matrices.

Such a method (Muon, Jordan et al. 2024, and its heirs) serves the matrices inside the network:
dense kernels [inputs, outputs], and the kernels [I, J, C, O] of convolutions, each of which counts
as the matrix [I J C, O]. Adam serves the rest: depthwise kernels [I, J, 1, O], embeddings, heads,
biases and scales.
"""

import math
import re
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import is_masked
from effjax.optim.directions import scale_by_moments
from effjax.optim.numerics import compute_dtype
from effjax.optim.rules import path_of

# A head or an embedding: by the first part of the path, or by any part of it.
_HEAD = re.compile(r"(head|norm|fc|classifier|logits)")
_TABLE = re.compile(r"(embed|token|table|position)")

# Of the quintic polynomial, chosen by Jordan for its slope at zero, not for its limit.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def matrix_split(params: optax.Params) -> Any:
    """A tree like `params` of the labels 'matrix' and 'adam'."""

    def label(path: tuple, p: Any) -> Any:
        # a blank of another group of parameters stays one
        if is_masked(p):
            return p
        return "matrix" if _is_matrix(path_of(path), p.shape) else "adam"

    return jax.tree_util.tree_map_with_path(label, params, is_leaf=is_masked)


def _is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    if _HEAD.match(name) or (_TABLE.search(name) and not name.endswith("kernel")):
        return False
    if len(shape) == 2:
        return True
    is_convolution = len(shape) == 4 and name.endswith("kernel")
    # depthwise: each output has a column of its own, and nothing to be orthogonal to
    return is_convolution and shape[2] > 1


def folded(x: jax.Array) -> jax.Array:
    """A kernel [..., O] as a matrix: its inputs in the rows, its outputs in the columns."""
    return x.reshape(-1, x.shape[-1])


def for_matrices(
    direction: optax.GradientTransformation,
    b1: float = 0.9,
    b2: float = 0.95,
    eps: float = 1e-10,
    scale: float = 1.0,
) -> optax.GradientTransformation:
    """`direction` for the matrices; Adam's direction, times `scale`, for the other leaves."""
    adam = optax.chain(scale_by_moments(b1, b2, eps), optax.scale(scale))
    return optax.multi_transform({"matrix": direction, "adam": adam}, matrix_split)


def averaged_momentum(
    g: jax.Array, m: jax.Array, beta: float, nesterov: bool
) -> tuple[jax.Array, jax.Array]:
    """What is made orthogonal, and the new average of the gradients; none corrects its bias.

    m <- beta m + (1 - beta) g
    u = m,    or with nesterov    beta m + (1 - beta) g
    """
    g = g.astype(compute_dtype(g))
    m = beta * m + (1 - beta) * g
    u = beta * m + (1 - beta) * g if nesterov else m
    return u, m


def orthogonalized(x: jax.Array, steps: int = 5, dtype: Any | None = None) -> jax.Array:
    """The matrix x [M, N] with singular values of about 1, by Newton and Schulz's iteration.

        y <- x / |x|
        y <- a y + b (y y^T) y + c (y y^T)^2 y          `steps` times

    Five steps bring the singular values between 0.6 and 1.2, if they are not below 1 % of the norm.

    Args:
        x: any matrix.
        steps: of the iteration.
        dtype: of its products, 'bfloat16' for speed on accelerators; None: that of x.
    """
    a, b, c = _COEFFICIENTS
    is_tall = x.shape[0] > x.shape[1]
    # the smaller of the two Gram matrices
    y = x.T if is_tall else x
    y = y / (jnp.linalg.norm(y) + 1e-7)
    y = y.astype(dtype or x.dtype)
    for _ in range(steps):
        gram = y @ y.T
        y = a * y + (b * gram + c * gram @ gram) @ y
    y = y.T if is_tall else y
    return y.astype(x.dtype)


Scale = Literal["spectral", "rms"]


def shape_scale(inputs: int, outputs: int, scale: Scale) -> float:
    """How long a step with orthogonal columns or rows is to be.

    'spectral', the square root of max(1, outputs / inputs), keeps the change of the activations the
    same at any width (Jordan et al. 2024); 'rms', 0.2 sqrt(max(inputs, outputs)), gives the entries
    the root mean square of Adam's, so that Adam's rates fit (Liu et al. 2025, arXiv:2502.16982).
    """
    if scale == "rms":
        return 0.2 * math.sqrt(max(inputs, outputs))
    return math.sqrt(max(1.0, outputs / inputs))


def orthogonal_step(
    kernel: jax.Array, scale: Scale, steps: int = 5, dtype: Any | None = None
) -> jax.Array:
    """s orthogonalized(the folded kernel), in the kernel's shape; s: `shape_scale`."""
    o = orthogonalized(folded(kernel), steps, dtype)
    u = shape_scale(*o.shape, scale) * o
    return u.reshape(kernel.shape)
