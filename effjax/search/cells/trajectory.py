"""What a search by gradient has gone through: alphas of every epoch, and when it collapses.

Late in a search by DARTS skips take over the cell. Zela et al. (https://arxiv.org/abs/1909.09656)
see it come in the largest eigenvalue of the held-out loss in alpha, and stop where it has risen by
a third within some epochs; DARTS+ (https://arxiv.org/abs/1909.06035) stops at two skips.

Shapes: T entries, E edges of a cell, O operations.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

Memory = dict[str, Any]  # arrays, a part of the model state


def empty(entries: int, alphas: dict[str, Any]) -> Memory:
    """Room for so many entries."""
    return {
        "count": jnp.zeros((), jnp.int32),
        "steps": jnp.zeros((entries,), jnp.int32),
        "eigenvalues": jnp.full((entries,), jnp.nan, jnp.float32),
        "alphas": {
            name: jnp.zeros((entries, *alpha.shape), jnp.float32) for name, alpha in alphas.items()
        },
    }


def written(memory: Memory, step: int, alphas: dict[str, Any], eigenvalue: float) -> Memory:
    """`memory` with one more entry; unchanged where it is full or has the step."""
    place = int(memory["count"])
    steps = np.array(memory["steps"])
    if place >= len(steps) or (place > 0 and steps[place - 1] >= step):
        return memory
    steps[place] = step
    eigenvalues = np.array(memory["eigenvalues"])
    eigenvalues[place] = eigenvalue
    kept = {}
    for name, history in memory["alphas"].items():
        kept[name] = np.array(history)
        kept[name][place] = np.asarray(alphas[name], np.float32)
    return {
        "count": np.int32(place + 1),
        "steps": steps,
        "eigenvalues": eigenvalues,
        "alphas": kept,
    }


def smoothed(values: Sequence[float], window: int) -> np.ndarray:
    """The mean of each value and of those before it, `window` together."""
    found = []
    for place in range(len(values)):
        first = max(0, place - window + 1)
        found.append(float(np.mean(values[first : place + 1])))
    return np.array(found)


def risen(eigenvalues: Sequence[float], window: int, ratio: float) -> int | None:
    """The first entry at which the smoothed eigenvalue has risen too much; None: at none.

    Too much: the one of `window` entries before is less than `ratio` of it.
    """
    mean = smoothed(eigenvalues, window)
    for place in range(window, len(mean)):
        if mean[place] > 0 and mean[place - window] / mean[place] < ratio:
            return place
    return None
