"""What features are worth where few labels are known: probes of so few, and N-way K-shot episodes.

All draws are the same for whatever network and features, so that runs are compared in pairs.

Shapes: N training examples, M held-out ones, C channels.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from effjax.errors import UserError
from effjax.evaluate.features import linear_probe
from effjax.report.statistics import Interval, t_interval
from effjax.tasks.few_shot.prototypes import accuracies

Array = np.ndarray
SEED = 0
DRAWS = 5  # of a few labels; their spread is shown


@dataclasses.dataclass(frozen=True)
class Episodes:
    """`ways` classes, a few images of each, and the question which of them `queries` others are."""

    ways: int
    number: int = 600
    queries: int = 15  # of a class

    def accuracy(
        self, features: Array, labels: Array, names: Sequence[str], shots: int
    ) -> Interval:
        """The share of queries whose class has the nearest mean, over episodes.

        Args:
          features: [M, C].
          labels: [M] int.
          names: of the classes.

        Raises:
          UserError: more classes or images than there are, or features that are not finite.
        """
        found = accuracies(
            features,
            labels,
            names,
            ways=self.ways,
            shots=shots,
            queries=self.queries,
            episodes=self.number,
            seed=SEED,
        )
        return t_interval(found)


def few_labels(
    train: Array, labels: Array, test: Array, test_labels: Array, classes: int, shots: int
) -> Interval:
    """The top-1 of a linear probe with `shots` labels of each class, over DRAWS draws of them.

    Args:
      train: [N, C].
      labels: [N] int.
      test: [M, C].
      test_labels: [M] int.

    Raises:
      UserError: a class has fewer images.
    """
    least = int(np.bincount(labels, minlength=classes).min())
    if not 1 <= shots <= least:
        raise UserError(f"--shots={shots}: the smallest class has {least} training images")
    values = []
    for number in range(DRAWS):
        rng = np.random.default_rng((SEED, shots, number))
        rows = []
        for label in range(classes):
            of_class = np.flatnonzero(labels == label)
            rows.append(rng.choice(of_class, shots, replace=False))
        chosen = np.concatenate(rows)
        answers, _ = linear_probe(train[chosen], labels[chosen], test, classes)
        values.append((answers == test_labels).mean())
    return t_interval(values)
