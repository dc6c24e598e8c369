"""Scores of activation patterns: which side of 0 each pre-activation is on.

For a ReLU the pattern says which linear function the network is at an image. GELU, SiLU and tanh
have no such pieces; their pattern is the sign of what they are given, which is where they turn.

Shapes: B images, U units.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend.core import JaxprEqn, Literal

from effjax.errors import UserError
from effjax.search.proxies.network import Apply, Batch, Variables
from effjax.search.proxies.replay import replay


def preactivations(
    apply: Apply, variables: Variables, images: Array, train: bool = True
) -> list[Array]:
    """What the network's activations are given, [B, U] each, in the order of the network.

    Not for use under `jit`: the operations run one by one.

    Raises:
      UserError: the network has none.
    """
    found: list[Array] = []
    count = len(images)

    def note(operation: JaxprEqn, operands: Sequence[Any]) -> None:
        x = operands[0]
        # a map of positions or tokens; gates of whole images have no batch of units
        if x.ndim >= 2 and len(x) == count:
            found.append(x.reshape(count, -1))

    def note_maximum(operation: JaxprEqn, operands: Sequence[Any]) -> None:
        other = operation.invars[1]
        is_relu = isinstance(other, Literal) and np.all(np.asarray(other.val) == 0)
        if is_relu:
            note(operation, operands)

    # ReLU and its powers; exact GELU; SiLU and gates; GELU by tanh
    rules = {"max": note_maximum, "erf": note, "logistic": note, "tanh": note}

    def forward(variables: Variables, images: Array) -> Array:
        return apply(variables, images, train).last_map

    replay(forward, rules, variables, images)
    if not found:
        raise UserError(
            "the network has no activation before its last map: scores of activation patterns "
            "(naswot, linear_regions) have nothing to count\n"
            "ask for others: --proxies=synflow,snip"
        )
    return found


def pattern_kernel(preactivations: Sequence[Array]) -> np.ndarray:
    """K [B, B] float64: for each two images the number of units on the same side of 0."""
    images = len(preactivations[0])
    kernel = np.zeros((images, images))
    for x in preactivations:
        # exact: counts are small whole numbers
        code = (np.asarray(x).reshape(images, -1) > 0).astype(np.float64)
        kernel += code @ code.T + (1 - code) @ (1 - code).T
    return kernel


def log_determinant(kernel: np.ndarray) -> float:
    """ln abs det K; minus infinity if two images have one pattern."""
    return float(np.linalg.slogdet(kernel)[1])


def naswot(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> float:
    """ln abs det K over all images; micro-batches are put together.

    Mellor et al., https://arxiv.org/abs/2006.04647
    """
    parts = [preactivations(apply, variables, batch.images, train) for batch in batches]
    layers = [np.concatenate(layer) for layer in zip(*parts, strict=True)]
    return log_determinant(pattern_kernel(layers))


def linear_regions(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> int:
    """The number of distinct patterns of the images, at most their number.

    In train mode each micro-batch is normalised alone. Chen et al.,
    https://arxiv.org/abs/2102.11535
    """
    patterns: set[bytes] = set()
    for batch in batches:
        layers = preactivations(apply, variables, batch.images, train)
        signs = np.concatenate([np.asarray(x) > 0 for x in layers], axis=1)  # [B, U]
        patterns.update(row.tobytes() for row in np.packbits(signs, axis=1))
    return len(patterns)


def between(images: Array, steps: int) -> Array:
    """Points on the lines between neighbouring images, `steps` from each to the next.

    Images lie so far apart that each has a pattern of its own; points of a line need not.
    """
    share = jnp.arange(steps, dtype=images.dtype) / steps
    share = share.reshape(1, -1, *([1] * (images.ndim - 1)))
    start, end = images[:-1, None], images[1:, None]
    points = start + share * (end - start)
    return points.reshape(-1, *images.shape[1:])
