"""The order of examples: a function from a position in the stream to one example.

Position p = step * B + slot of the training stream shows example `order(seed, epoch)[p mod N]` with
epoch = p div N, repeated augmentation aside, and augments it with draws from (seed, p). Nothing is
remembered, so a run may go on at any step, with any number of workers or hosts.

B is the global batch, N the number of examples, H W the image.
"""

import dataclasses
import functools
import logging
import os
from collections.abc import Callable

import numpy as np

from effjax.data.augment import EvalTransform, TrainTransform
from effjax.data.decode import decode
from effjax.data.sources import Source
from effjax.errors import UserError

Batch = dict[str, np.ndarray]
PROBED = 16  # images that are decoded to estimate the size of all


@dataclasses.dataclass
class Pixels:
    """Example `row` of a source as uint8 [H, W, 3] (None: broken, and skipped) and its label.

    Attributes:
      fast, enough: see `decode`.
      keep: hold what was decoded in memory.
      skip: report a broken file and go on, instead of raising UserError.
    """

    source: Source
    fast: bool = False
    enough: tuple[int, int] | None = None
    keep: bool = False
    skip: bool = False

    def __post_init__(self) -> None:
        self._kept: dict[int, tuple[np.ndarray | None, int]] = {}

    def __call__(self, row: int) -> tuple[np.ndarray | None, int]:
        if row in self._kept:
            return self._kept[row]
        data, label = self.source[row]
        try:
            image = decode(data, self.fast, self.enough) if isinstance(data, bytes) else data
        except UserError as error:
            image = self._broken(row, error)
        if self.keep or image is None:
            self._kept[row] = image, label
        return image, label

    def _broken(self, row: int, error: UserError) -> None:
        what = f"{self.source.name(row)} cannot be decoded: {error}"
        if not self.skip:
            raise UserError(f"{what}\nremove the file, or set data.on_error=skip") from error
        logging.getLogger("effjax.data").warning("skipped: %s", what)


def require_memory(pixels: Pixels, processes: int) -> None:
    """Estimates from a few images what holding all of them takes.

    Raises:
      UserError: it is more than half of the machine's memory.
    """
    total = len(pixels.source)
    rows = range(0, total, max(1, total // PROBED))
    images = [image for image, _ in map(pixels, rows) if image is not None]
    need = processes * total * sum(image.nbytes for image in images) / max(1, len(images))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > memory / 2:
        raise UserError(
            f"data.cache=memory takes {need / 1e9:.1f} GB, over half of {memory / 1e9:.1f} GB; set "
            "it to None, or make the images smaller:\neffjax data prepare SRC --out=DIR "
            "--short-side=256"
        )


@dataclasses.dataclass(frozen=True)
class TrainExample:
    """Position in the endless training stream -> one example."""

    pixels: Pixels
    transform: TrainTransform
    seed: int
    batch_size: int

    def __call__(self, position: int) -> Batch:
        step, slot = divmod(position, self.batch_size)
        # repeated augmentation: a batch goes through its distinct examples several times
        distinct = self.batch_size // self.transform.augment.repeats
        epoch, place = divmod(step * distinct + slot % distinct, len(self.pixels.source))
        image, label = self.pixels(_order(self.seed, epoch, len(self.pixels.source))[place])
        if image is None:
            return _example(self.transform.size, label, slot)
        view = self.transform(image, np.random.default_rng((self.seed, 1, position)))
        return _example(self.transform.size, label, slot, view)


@dataclasses.dataclass(frozen=True)
class EvalExample:
    """Position in the evaluation stream -> one example; padding behind the last."""

    pixels: Pixels
    transform: EvalTransform
    batch_size: int

    def __call__(self, position: int) -> Batch:
        slot = position % self.batch_size
        inside = position < len(self.pixels.source)
        image, label = self.pixels(position) if inside else (None, 0)
        view = None if image is None else self.transform(image)
        return _example(self.transform.size, label, slot, view)


def _example(size: tuple[int, int], label: int, slot: int, view: np.ndarray | None = None) -> Batch:
    """One example; without a view, a black image with mask 0."""
    return {
        "image": np.zeros((*size, 3), np.uint8) if view is None else np.ascontiguousarray(view),
        "label": np.int32(label),
        "mask": np.float32(view is not None),
        "index": np.int32(slot),
    }


@functools.lru_cache(maxsize=2)
def _order(seed: int, epoch: int, examples: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(examples)


@dataclasses.dataclass(frozen=True)
class HostExample:
    """The k-th example that this host reads -> its position in the global stream -> the example."""

    example: Callable[[int], Batch]
    batch_size: int
    part: int
    host: int

    def __call__(self, k: int) -> Batch:
        step, slot = divmod(k, self.part)
        return self.example(step * self.batch_size + self.host * self.part + slot)
