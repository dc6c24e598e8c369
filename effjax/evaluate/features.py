"""What features are worth: nearest neighbours and a linear classifier on frozen ones.

Shapes: N training examples, M held-out ones, C channels, K classes.
"""

import numpy as np

from effjax.evaluate.scores import check_labels
from effjax.tasks.pretraining.frozen_features import (
    DECAYS,
    NO_ANSWER,
    finite_rows,
    fit_probe,
    neighbour_votes,
)

Array = np.ndarray


def knn(
    train: Array,
    labels: Array,
    test: Array,
    classes: int,
    neighbours: int = 20,
) -> Array:
    """[M]: the class that the nearest neighbours vote for, see `neighbour_votes`.

    Features that are not finite neither vote nor get an answer.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].

    Raises:
      UserError: labels that are no class.
    """
    check_labels(labels, classes)
    finite = finite_rows(train)
    if not finite.any():
        return np.full(len(test), NO_ANSWER)
    votes = neighbour_votes(train[finite], labels[finite], test, classes, neighbours)
    # a vector with NaN is similar to none, and its votes say nothing
    return np.where(finite_rows(test), votes.argmax(1), NO_ANSWER)


def linear_probe(
    train: Array,
    labels: Array,
    test: Array,
    classes: int,
    seed: int = 0,
) -> tuple[Array, float]:
    """[M]: the class that a linear map of the features predicts, and its weight decay.

    See `fit_probe`. Features that are not finite are left out of the fit and get no answer.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].

    Raises:
      UserError: labels that are no class.
    """
    check_labels(labels, classes)
    finite = finite_rows(train)
    if not finite.any():
        return np.full(len(test), NO_ANSWER), DECAYS[0]
    return fit_probe(train[finite], labels[finite], test, classes, seed)
