"""`effjax show --batch`: the first training batch, as numbers and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import ml_collections
import numpy as np

from effjax.data.tools.picture import save_picture
from effjax.errors import UserError
from effjax.report import Display
from effjax.tasks.classification import Classification
from effjax.tasks.run import build
from effjax.training.setup import Setup


def show_batch(
    config: ml_collections.ConfigDict, display: Display, plot: Path | None = None
) -> None:
    """Shows the first training batch: shapes, dtypes, value ranges and labels.

    With `plot` the images are drawn as the network gets them, augmented and mixed.
    """
    display.waiting("reading the data")
    if config.data.cache == "device":
        # its batches are numbers of images on the device; memory gives the same images as arrays
        config.data.cache = "memory"
    setup = build(config)
    batches = setup.source.batches(0)
    try:
        batch = next(batches)
    finally:
        batches.close()  # ends the threads that read ahead
    header = ("array", "shape", "dtype", "smallest", "mean", "largest")
    display.table("first training batch", batch_rows(batch), header, right=(3, 4, 5))
    if "label" in batch:
        names = getattr(setup.source, "class_names", ())
        display.line("")
        display.table("labels", label_rows(batch["label"], names), ("label", "images", "first at"))
    if plot is not None:
        _draw(setup, batch, plot)
        display.line(f"drawn: {plot}")


def _draw(setup: Setup, batch: Mapping[str, np.ndarray], plot: Path) -> None:
    if not isinstance(setup.task, Classification):
        raise UserError(f"a batch of task {setup.config.task.name!r} has no images to draw")
    key = jax.random.key(setup.config.seed)
    images, labels = jax.jit(setup.task.mixed)(batch, key)
    data = setup.config.data
    try:
        save_picture(
            plot,
            np.asarray(images),
            np.asarray(labels),
            setup.task.split.class_names,
            data.mean,
            data.std,
        )
    except OSError as error:
        raise UserError(f"cannot write --plot={plot}: {error.strerror}") from error


def batch_rows(batch: Mapping[str, np.ndarray]) -> list[tuple[str, ...]]:
    """(name, shape, dtype, smallest, mean, largest) of every array."""
    rows = []
    for name, array in batch.items():
        row = (
            name,
            str(list(array.shape)),
            str(array.dtype),
            f"{array.min():g}",
            f"{array.mean():.4g}",
            f"{array.max():g}",
        )
        rows.append(row)
    return rows


def label_rows(labels: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(label with its name, how many images, where the first one is) of the labels in a batch."""
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    most = counts.max()
    rows = []
    for label, place, count in zip(found, first, counts):
        named = str(label)
        if label < len(names):  # the data may have no names
            named += f" {names[label]}"
        length = round(20 * count / most)
        bar = "█" * max(1, length)
        rows.append((named, f"{count:>4} {bar}", str(place)))
    return rows
