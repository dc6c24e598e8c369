"""How far training moves when one example is another one: the stability behind bounds on the gap.

Hardt, Recht, Singer: Train faster, generalize better, ICML 2016.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from jax import tree

from effjax.curvature.sharpness import tree_norm

Update = Callable[[Any, Any], Any]  # (state, batch) -> state after one update


def distances(
    update: Update,
    parameters: Callable[[Any], Any],
    state: Any,
    batches: Iterable[tuple[Any, Any]],
) -> np.ndarray:
    """float64 [steps]: |w - w'| after each update of two runs that share all but their data.

    Args:
      update: makes one update; its draws must be functions of the state and of the slot in the
        batch, so that the runs share them.
      parameters: state -> what is compared.
      state: of both runs at the start.
      batches: the (batch, batch of the neighbouring data set) of each step.
    """
    first = second = state
    found: list[float] = []
    for batch, neighbour in batches:
        first = update(first, batch)
        second = update(second, neighbour)
        apart = tree.map(lambda a, b: a - b, parameters(first), parameters(second))
        found.append(float(tree_norm(apart)))
    return np.array(found)
