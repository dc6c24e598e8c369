"""Is a search by gradient collapsing, and what is then the answer?

https://arxiv.org/abs/1909.09656 looks at the largest eigenvalue of the held-out loss in alpha,
DARTS+ (https://arxiv.org/abs/1909.06035) at the number of skips.

Shapes: T entries.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from effjax.curvature import lanczos, products
from effjax.search.cells import trajectory
from effjax.search.cells.options import BilevelConfig

LANCZOS_STEPS = 12


def largest_eigenvalue(
    loss: Callable[[Any, Any], jax.Array], alphas: Any, chunks: Sequence[tuple[Any, float]]
) -> float:
    """The largest eigenvalue of the Hessian of a mean loss in alphas.

    Args:
      loss: (alphas, chunk) -> the mean loss of the chunk.
      chunks: each with its weight.
    """
    operator = products.hessian(loss, alphas, chunks)
    start = jnp.ones(operator.size, operator.dtype)
    # all alphas of an edge moved together change no softmax: the start must not be even
    start += jnp.linspace(-1.0, 1.0, operator.size, dtype=operator.dtype)
    found = lanczos.lanczos(operator, start, LANCZOS_STEPS)
    return float(lanczos.eigenvalues(found, 1).values[0])


def stop_place(
    options: BilevelConfig, eigenvalues: Sequence[float], skips: Sequence[int]
) -> int | None:
    """The entry that is the answer of an early stop; None: there is none.

    Args:
      eigenvalues: [T].
      skips: [T], of what the alphas of each entry stand for.
    """
    if options.stop == "eigenvalue":
        place = trajectory.risen(eigenvalues, options.stop_window, options.stop_ratio)
        # what was found before the rise
        return None if place is None else place - options.stop_window
    if options.stop == "skips":
        for place, count in enumerate(skips):
            if place > 0 and count >= options.stop_skips:
                return place
    return None
