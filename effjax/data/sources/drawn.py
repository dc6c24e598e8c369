"""A part of a set of examples: so many of them, drawn from all classes with a seed.

Shapes: N examples, n of them.
"""

import contextlib

import numpy as np

from effjax.data.sources.examples import Chosen, Examples
from effjax.errors import UserError

# reading every record for its label is worth it up to this many
MOST_READ = 200_000


def draw_rows(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Which examples are drawn: rising row numbers, int [n].

    A class gets its share of `count`, rounded up or down, so that the part is like the whole.

    Args:
      labels: int [N].
      count: n, at most N.
      seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    # stable: inside of a class the order stays random
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # evenly spaced places in this order meet each class as often as it is large
    places = (np.arange(count) + rng.random()) * len(labels) / count
    return np.sort(by_class[places.astype(int)])


class Drawn(Chosen):
    """So many of the examples of a source, drawn from all classes; a source of examples.

    Args:
      examples: all of them.
      count: how many are drawn; all, if there are no more.
      seed: of the draw.

    Attributes:
      rows: the drawn rows of `examples`, int [n], rising.
      seed: of the draw.
    """

    def __init__(self, examples: Examples, count: int, seed: int):
        total = len(examples)
        labels = _cheap_labels(examples)
        is_stratified = labels is not None
        if labels is None:
            labels = np.zeros(total, np.int32)  # one class: the draw is over all examples alike
        super().__init__(examples, draw_rows(labels, min(count, total), seed))
        self.seed = seed
        self._labels = labels[self.rows] if is_stratified else None

    def labels(self) -> np.ndarray:
        if self._labels is not None:
            return self._labels
        return super().labels()

    def __str__(self) -> str:
        """What was drawn: "64 of 4,317 images, 6 or 7 of each of 10 classes, seed 0"."""
        words = [f"{len(self):,} of {len(self.examples):,} images"]
        if self._labels is not None:
            counts = np.bincount(self._labels, minlength=len(self.class_names))
            words.append(f"{_spread(counts)} of each of {len(counts):,} classes")
        words.append(f"seed {self.seed}")
        return ", ".join(words)


def _cheap_labels(examples: Examples) -> np.ndarray | None:
    """All labels, where they are known or quickly read; None otherwise."""
    if not len(examples.keys()) and len(examples) > MOST_READ:
        return None
    # a damaged record is reported where its image is wanted
    with contextlib.suppress(UserError):
        return np.asarray(examples.labels())
    return None


def _spread(counts: np.ndarray) -> str:
    """ "6", "6 or 7", "2 to 9"."""
    least = int(counts.min())
    most = int(counts.max())
    if least == most:
        return f"{least:,}"
    if most == least + 1:
        return f"{least:,} or {most:,}"
    return f"{least:,} to {most:,}"
