"""Few-shot episodes: some classes, and some images of each, drawn for every step anew.

Shapes: E episodes of a batch, W classes (ways) of an episode, K images of a class that are shown
(shots), Q that are asked for (queries), b slots of the batch.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax.data.loader import open_training
from effjax.data.order import EXAMPLES
from effjax.data.split import Split
from effjax.data.stream import TrainStream
from effjax.errors import UserError

EPISODES = 3 + EXAMPLES  # what the random sequence is for; part of its seed, see `order`


def rows_by_class(labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """The rows of each class, in the order of the data set."""
    return [np.flatnonzero(labels == number) for number in range(classes)]


def draw_episode(
    rng: Any, by_class: Sequence[np.ndarray], ways: int, images: int
) -> tuple[np.ndarray, np.ndarray]:
    """(classes [W], rows [W, K + Q]), all without replacement.

    Args:
      rng: a generator of numpy, of either kind.
      images: K + Q.
    """
    classes = rng.choice(len(by_class), ways, replace=False)
    rows = [rng.choice(by_class[number], images, replace=False) for number in classes]
    return classes, np.stack(rows)


def check_enough(
    by_class: Sequence[np.ndarray], names: Sequence[str], ways: int, images: int
) -> None:
    """Refuses episodes that the data cannot fill.

    Raises:
      UserError: fewer classes than ways, or a class of too few images.
    """
    if len(by_class) < ways:
        raise UserError(
            f"episodes of {ways} classes, but the data has {len(by_class)}\ngive fewer ways"
        )
    for name, rows in zip(names, by_class):
        if len(rows) < images:
            raise UserError(
                f"episodes take {images} images of a class, but {name!r} has {len(rows)}\n"
                "give fewer shots or queries, or leave the class out (data.classes)"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EpisodeStream(TrainStream):
    """Batches of whole episodes: by episode, class, then shots before queries.

    Attributes:
      by_class: the rows of each class.
      ways: W.
      images: K + Q.
    """

    by_class: Sequence[np.ndarray]
    ways: int
    images: int

    def rows(self, step: int, slots: np.ndarray) -> np.ndarray:
        """Which examples [b] the slots [b] of a step show: a function of (seed, step) alone."""
        rng = np.random.default_rng((self.seed, EPISODES, step))
        episodes = self.batch_size // (self.ways * self.images)
        drawn = []
        for _ in range(episodes):
            _, rows = draw_episode(rng, self.by_class, self.ways, self.images)
            drawn.append(rows)
        return np.concatenate(drawn).reshape(-1)[slots]


def open_episodes(config: Any, ways: int, images: int) -> Split:
    """The training split of a run, as episodes of `ways` classes with so many `images` each.

    Raises:
      UserError: a batch that is no whole number of episodes, data that cannot fill one, or what
        `open_training` refuses.
    """
    size = ways * images
    if config.data.batch_size % (size * config.accumulate):
        raise UserError(
            f"config.data.batch_size = {config.data.batch_size}: an episode has {ways} x {images} "
            f"images\ngive a multiple of {size * config.accumulate}"
        )
    if config.data.cache == "device":
        raise UserError("episodes are not made on the device: give config.data.cache='memory'")
    if config.data.balance:
        raise UserError("episodes are balanced already: leave config.data.balance out")
    split = open_training(config)
    labels = np.asarray(split.examples.labels())
    by_class = rows_by_class(labels, split.num_classes)
    check_enough(by_class, split.class_names, ways, images)
    plain = split.stream
    stream = EpisodeStream(
        views=plain.views,
        seed=plain.seed,
        batch_size=plain.batch_size,
        by_class=by_class,
        ways=ways,
        images=images,
    )
    return dataclasses.replace(split, stream=stream)
