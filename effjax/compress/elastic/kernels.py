"""Small kernels out of large ones: the middle, times a learned matrix.

A kernel of 7 x 7 holds one of 5 x 5 and one of 3 x 3:

    w5 = M75 middle(w7),    w3 = M53 middle(w5)

The matrices serve all channels of a layer. Once-for-All, https://arxiv.org/abs/1908.09791

Shapes: I J taps of a kernel, N = I * J, C channels.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import jax
import jax.numpy as jnp

Sides = tuple[int, int]
Matrices = Mapping[str, jax.Array]  # {"7to5": [25, 25], "5to3": [9, 9]}


def matrix_name(
    larger: int,
    smaller: int,
) -> str:
    """The name of the matrix that makes kernels of the smaller size."""
    return f"{larger}to{smaller}"


def sides_of(
    size: int,
    whole: Sides,
) -> Sides:
    """(rows, columns) of a kernel of this size in one of `whole`: a band stays a band."""
    rows, columns = whole
    return min(rows, size), min(columns, size)


def steps(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(larger, smaller) of neighbours, from the largest size down."""
    descending = sorted(sizes, reverse=True)
    yield from itertools.pairwise(descending)


def identity_matrices(
    sizes: Sequence[int],
    whole: Sides,
) -> dict[str, jax.Array]:
    """Matrices under which every small kernel is the middle of the largest."""
    matrices = {}
    for larger, smaller in steps(sizes):
        taps = math.prod(sides_of(smaller, whole))
        matrices[matrix_name(larger, smaller)] = jnp.eye(taps)
    return matrices


def middle(
    kernel: jax.Array,
    sides: Sides,
) -> jax.Array:
    """[I, J, 1, C] -> [*sides, 1, C]."""
    for axis, side in enumerate(sides):
        start = (kernel.shape[axis] - side) // 2
        kernel = jax.lax.slice_in_dim(kernel, start, start + side, axis=axis)
    return kernel


def transformed(
    kernel: jax.Array,
    matrix: jax.Array,
) -> jax.Array:
    """The matrix [N, N] times the taps of each channel, row by row."""
    taps = kernel.reshape(-1, kernel.shape[-1])  # [I, J, 1, C] -> [N, C]
    return (matrix.astype(kernel.dtype) @ taps).reshape(kernel.shape)


def every_size(
    kernel: jax.Array,
    matrices: Matrices,
    sizes: Sequence[int],
) -> dict[int, jax.Array]:
    """{size: kernel} of all sizes, each from the next larger one.

    Args:
      kernel: of the largest size, [I, J, 1, C].
    """
    whole = kernel.shape[:2]
    found = {max(sizes): kernel}
    for larger, smaller in steps(sizes):
        cropped = middle(found[larger], sides_of(smaller, whole))
        found[smaller] = transformed(cropped, matrices[matrix_name(larger, smaller)])
    return found


def padded(
    kernel: jax.Array,
    sides: Sides,
) -> jax.Array:
    """[I, J, 1, C] -> [*sides, 1, C] with zeros around: the same convolution."""
    widths = []
    for own, side in zip(kernel.shape[:2], sides):
        widths.append(((side - own) // 2,) * 2)
    return jnp.pad(kernel, (*widths, (0, 0), (0, 0)))


def chosen_kernel(
    kernel: jax.Array,
    matrices: Matrices,
    sizes: Sequence[int],
    choice: jax.Array,
) -> jax.Array:
    """The kernel of the size that a traced number names, in the shape of the largest.

    Args:
      sizes: ascending.
      choice: an index into them.
    """
    every = every_size(kernel, matrices, sizes)
    whole = kernel.shape[:2]
    stacked = jnp.stack([padded(every[size], whole) for size in sizes])
    return stacked[choice]
