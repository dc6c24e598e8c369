"""Examples at the size of the batch, made when they are asked for, or once and kept.

Shapes: N examples, b of them, V the ways to resize one, H W the image.
"""

import dataclasses
import functools
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from effjax.data.images.augment import TrainTransform
from effjax.data.images.centre_crop import EvalTransform
from effjax.data.pixels import Pixels
from effjax.errors import UserError

PROBED = 16  # images that are decoded to estimate the size of all

Read = tuple[np.ndarray, np.ndarray, np.ndarray]  # images [b, H, W, 3], labels [b], masks [b]
Loaded = tuple[np.ndarray | None, int, int]  # pixels (None: broken), label, choice of resizing


def resized(
    transform: TrainTransform | EvalTransform, count: int, loaded: Iterable[Loaded]
) -> Read:
    """Resizes `count` images into one array; a broken one stays black, with mask 0."""
    images = np.zeros((count, *transform.size, 3), np.uint8)
    labels = np.zeros(count, np.int32)
    masks = np.zeros(count, np.float32)
    for k, (image, label, choice) in enumerate(loaded):
        labels[k] = label
        if image is not None:
            transform.whole(image, choice, images[k])
            masks[k] = 1.0
    return images, labels, masks


@dataclasses.dataclass
class Views:
    """Examples at the size of the batch, with nothing random in them but one choice among V.

    Attributes:
      keep: make each view once and hold all in memory.
    """

    pixels: Pixels
    transform: TrainTransform | EvalTransform
    keep: bool = False

    @property
    def choices(self) -> int:
        """V."""
        return self.transform.choices

    @property
    def nbytes(self) -> int:
        """What holding one example takes."""
        pixels = math.prod(self.transform.size)
        return self.choices * 3 * pixels

    @functools.cached_property
    def _kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        # views [V, N, H, W, 3], labels, masks and which of them are made [N]
        count = len(self.pixels.source)
        views = np.zeros((self.choices, count, *self.transform.size, 3), np.uint8)
        labels = np.zeros(count, np.int32)
        masks = np.zeros(count, np.float32)
        made = np.zeros(count, bool)
        return views, labels, masks, made

    def __getstate__(self) -> dict[str, Any]:
        # each worker process makes its own
        state = dict(vars(self))
        state.pop("_kept", None)
        return state

    def __call__(self, rows: np.ndarray, choice: np.ndarray) -> Read:
        """Images [b, H, W, 3], labels [b], masks [b] of examples `rows` [b], by `choice` [b]."""
        if not self.keep:
            return resized(self.transform, len(rows), self._load(rows, choice))
        self._fill(rows)
        views, labels, masks, _ = self._kept
        return views[choice, rows], labels[rows], masks[rows]

    def _load(self, rows: np.ndarray, choice: np.ndarray) -> Iterator[Loaded]:
        """One image after the other, so that only one is held at its own size."""
        for row, how in zip(rows.tolist(), choice.tolist()):
            image, label = self.pixels(row)
            yield image, label, how

    def whole(self) -> np.ndarray:
        """All views that are kept, [V, N, H, W, 3]."""
        every = np.arange(len(self.pixels.source))
        self._fill(every)
        views, *_ = self._kept
        return views

    def labelled(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels [b] and masks [b] of examples that are kept."""
        self._fill(rows)
        _, labels, masks, _ = self._kept
        return labels[rows], masks[rows]

    def _fill(self, rows: np.ndarray) -> None:
        views, labels, masks, made = self._kept
        missing = rows[~made[rows]]
        for row in missing.tolist():
            image, labels[row] = self.pixels(row)
            if image is not None:
                for choice in range(self.choices):
                    self.transform.whole(image, choice, views[choice, row])
                masks[row] = 1.0
            made[row] = True  # last of all: another thread may be looking


def require_memory(pixels: Pixels, processes: int, view: int | None = None) -> None:
    """Estimates what holding all examples takes.

    Args:
      processes: how many hold them.
      view: bytes of one example, where all are of one size; else a few are decoded.

    Raises:
      UserError: it is more than half of the machine's memory.
    """
    total = len(pixels.source)
    if view is None:
        view = _mean_bytes(pixels)
    need = processes * total * view
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > memory / 2:
        raise UserError(
            f"data.cache=memory takes {need / 1e9:.1f} GB, over half of {memory / 1e9:.1f} GB; set "
            "it to None, or make the images smaller:\neffjax data prepare SRC --out=DIR "
            "--short-side=256"
        )


def _mean_bytes(pixels: Pixels) -> float:
    """The mean size of a decoded image, of a few that are evenly spaced."""
    total = len(pixels.source)
    step = max(1, total // PROBED)
    sizes = []
    for row in range(0, total, step):
        image, _ = pixels(row)
        if image is not None:
            sizes.append(image.nbytes)
    # all of them may be broken
    found = max(1, len(sizes))
    return sum(sizes) / found
