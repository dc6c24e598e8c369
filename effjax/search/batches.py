"""Training images for scores that look at a network before it is trained."""

import ml_collections
import numpy as np

from effjax.config import View, from_json
from effjax.errors import UserError
from effjax.runs.schema import RunConfig
from effjax.tasks.run import build


def random_batch(
    shape: tuple[int, int, int],
    classes: int,
    size: int,
    number: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Normal noise [B, H, W, C] and labels [B] in turn, where there is no data."""
    rng = np.random.default_rng((17, number))
    images = rng.standard_normal((size, *shape)).astype(np.float32)
    labels = np.arange(size, dtype=np.int32) % classes
    return images, labels


def first_batch(
    config: ml_collections.ConfigDict,
    number: int = 0,
    size: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Batch `number` of a training: normalised images [B, H, W, 3] float32, labels [B] int32.

    Args:
      config: of a classification.
      number: from 0.
      size: B; None: that of the config.

    Raises:
      UserError: the task has no labels.
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
    with setup.source.batches(number) as batches:
        batch = setup.task.split.unpack({**next(batches), **setup.task.split.resident})
    if "label" not in batch:
        raise UserError(f"task {config.task.name!r} has no labels; give a classification")
    images = np.asarray(setup.task.images(batch), np.float32)
    return images, np.asarray(batch["label"], np.int32)
