"""Training images for scores that look at a network before it is trained."""

from collections.abc import Callable

import ml_collections
import numpy as np

from effjax.config import View, from_json
from effjax.errors import UserError
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build

Images = tuple[np.ndarray, np.ndarray]  # with their labels


def random_batch(
    shape: tuple[int, int, int],
    classes: int,
    size: int,
    number: int,
) -> Images:
    """Normal noise [B, H, W, C] and labels [B] in turn, where there is no data."""
    rng = np.random.default_rng((17, number))
    images = rng.standard_normal((size, *shape)).astype(np.float32)
    labels = np.arange(size, dtype=np.int32) % classes
    return images, labels


def open_batches(
    config: ml_collections.ConfigDict,
    size: int | None = None,
) -> Callable[[int], Images]:
    """A function that gives batch `number` of a training.

    Normalised images [B, H, W, 3] float32, labels [B] int32, augmented and in the order of a
    training.

    Args:
      config: of a classification.
      size: B; None: that of the config.

    Raises:
      UserError: anything in the config that cannot be done; when it is called, no labels.
    """
    plain = View(config).to_dict()
    if size is not None:
        plain["data"]["batch_size"] = size
    # however many devices there are, a small batch need not be a multiple of them
    plain["parallel"] = {"devices": 1}
    # a score is of one image and its one label
    plain["mix"] = {}
    plain["model"]["arch"] = None
    setup = build(from_json(plain, RunConfig))
    split = setup.task.split

    def batch_of(number: int) -> Images:
        with setup.source.batches(number) as batches:
            batch = split.unpack({**next(batches), **split.resident})
        if "label" not in batch:
            raise UserError(f"task {config.task.name!r} has no labels; give a classification")
        images = np.asarray(setup.task.images(batch), np.float32)
        return images, np.asarray(batch["label"], np.int32)

    return batch_of
