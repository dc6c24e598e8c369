"""How much the examples of each class count in the loss.

Shapes: N training examples, K classes.
"""

from collections.abc import Sequence

import numpy as np

from effjax.errors import UserError, nearest

BALANCED = "balanced"
Weights = str | Sequence[tuple[str, float]]  # "balanced", or (class name, weight) of some classes


def class_weights(wanted: Weights, names: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """The weight of each class, float32 [K].

    "balanced" is N / (K n_c): every class has the same share of the loss, and the mean weight of a
    training example is 1. Classes that are not named weigh 1.

    Args:
      names: of the K classes.
      labels: of the training examples, int [N].

    Raises:
      UserError: an unknown class, or one that is named twice.
    """
    if wanted == BALANCED:
        counts = np.bincount(labels, minlength=len(names))
        present = counts > 0
        weights = len(labels) / (present.sum() * np.maximum(counts, 1))
        # a class without examples never comes up
        return np.where(present, weights, 0.0).astype(np.float32)
    weights = np.ones(len(names), np.float32)
    number = {name: k for k, name in enumerate(names)}
    named = [name for name, _ in wanted]
    for name, weight in wanted:
        if name not in number:
            raise UserError(f"config.task.class_weights: no class {name!r}; {nearest(name, names)}")
        if named.count(name) > 1:
            raise UserError(f"config.task.class_weights names {name!r} twice")
        weights[number[name]] = weight
    return weights
