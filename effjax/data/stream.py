"""The order of examples: a function from a step to this host's part of its batch.

Position p = step * B + slot of the training stream shows example `order(seed, epoch)[p mod N]` with
epoch = p div N, repeated augmentation aside, and augments it with draws from (seed, step, slot).
Nothing is remembered, so a run may go on at any step, with any number of workers or hosts.

B is the global batch, b the part of it that is asked for, N the number of examples, H W the image,
V the ways in which an example may be resized.
"""

import dataclasses
import functools
import logging
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from effjax.data.images.augment import BOX, DRAWN, EvalTransform, TrainTransform
from effjax.data.images.decode import decode_box, decode_pillow, decode_quickly, plain_size
from effjax.data.resident import VIEWS, pack
from effjax.data.sources.source import Source
from effjax.errors import UserError

Batch = dict[str, np.ndarray]
Box = tuple[int, int, int, int]  # top, left, height, width
SCRATCH = 3 << 20  # bytes: a photograph of a megapixel
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
        self._sound = np.zeros(len(self.source), bool)  # `decode_quickly` has taken all of it

    def __call__(self, row: int) -> tuple[np.ndarray | None, int]:
        if row in self._kept:
            return self._kept[row]
        data, label = self.source[row]
        try:
            image = self._decode(row, data) if isinstance(data, bytes) else data
        except UserError as error:
            return self._broken(row, label, error)
        if self.keep:
            self._kept[row] = image, label
        return image, label

    def _decode(self, row: int, data: bytes) -> np.ndarray:
        image = decode_quickly(data, self.fast, self.enough)
        self._sound[row] = image is not None
        return decode_pillow(data) if image is None else image

    def window(
        self, row: int, choose: Callable[[tuple[int, int]], Box], scratch: np.ndarray
    ) -> tuple[np.ndarray | None, int]:
        """As a call, but only the box (top, left, height, width) of the image that is chosen.

        Args:
          choose: (height, width) of the image -> the box, always the same.
          scratch: uint8, one axis; what is returned may lie there.
        """
        if self.fast and self._sound[row] and row not in self._kept:
            data, label = self.source[row]
            size = plain_size(data, self.enough) if isinstance(data, bytes) else None
            if size is not None:
                try:
                    return decode_box(data, choose(size), scratch), label
                except ValueError:  # it has changed since: decoded as a whole, it is named
                    pass
        image, label = self(row)
        if image is None:
            return None, label
        top, left, height, width = choose(image.shape[:2])
        return image[top : top + height, left : left + width], label

    def _broken(self, row: int, label: int, error: UserError) -> tuple[None, int]:
        what = f"{self.source.name(row)} cannot be decoded: {error}"
        if not self.skip:
            raise UserError(f"{what}\nremove the file, or set data.on_error=skip") from error
        entry = None, label
        # of two threads that meet it at once, the one that enters it says so
        if self._kept.setdefault(row, entry) is entry:
            logging.getLogger("effjax.data").warning("skipped: %s", what)
        return entry


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
        rows = range(0, total, max(1, total // PROBED))
        images = [image for image, _ in map(pixels, rows) if image is not None]
        view = sum(image.nbytes for image in images) / max(1, len(images))
    need = processes * total * view
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if need > memory / 2:
        raise UserError(
            f"data.cache=memory takes {need / 1e9:.1f} GB, over half of {memory / 1e9:.1f} GB; set "
            "it to None, or make the images smaller:\neffjax data prepare SRC --out=DIR "
            "--short-side=256"
        )


def read(
    transform: TrainTransform | EvalTransform,
    choice: np.ndarray,
    load: Callable[[int], tuple[np.ndarray | None, int]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images [b, H, W, 3], labels [b], masks [b], resized by `choice` [b]; black and 0 if broken.

    Args:
      load: k -> what to resize for the k-th (None: broken), and its label.
    """
    count = len(choice)
    images = np.zeros((count, *transform.size, 3), np.uint8)
    labels, masks = np.zeros(count, np.int32), np.zeros(count, np.float32)
    for k in range(count):
        image, labels[k] = load(k)
        if image is not None:
            transform.whole(image, choice[k], images[k])
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
        return len(getattr(self.transform, "interpolations", ("the only one",)))

    @property
    def nbytes(self) -> int:
        """What holding one example takes."""
        return self.choices * 3 * math.prod(self.transform.size)

    @functools.cached_property
    def _kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        # views [V, N, H, W, 3], labels, masks and which of them are made [N]
        count = len(self.pixels.source)
        views = np.zeros((self.choices, count, *self.transform.size, 3), np.uint8)
        return views, np.zeros(count, np.int32), np.zeros(count, np.float32), np.zeros(count, bool)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_kept"}

    def __call__(
        self, rows: np.ndarray, choice: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images [b, H, W, 3], labels [b], masks [b] of examples `rows` [b], by `choice` [b]."""
        if not self.keep:
            return read(self.transform, choice, lambda k: self.pixels(int(rows[k])))
        views, labels, masks, made = self._kept
        if not made[rows].all():
            self._fill(rows)
        return views[choice, rows], labels[rows], masks[rows]

    def whole(self) -> np.ndarray:
        """All views that are kept, [V, N, H, W, 3]."""
        self._fill(np.arange(len(self.pixels.source)))
        return self._kept[0]

    def labelled(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels [b] and masks [b] of examples that are kept."""
        _, labels, masks, made = self._kept
        if not made[rows].all():
            self._fill(rows)
        return labels[rows], masks[rows]

    def _fill(self, rows: np.ndarray) -> None:
        views, labels, masks, made = self._kept
        for row in rows[~made[rows]].tolist():
            image, labels[row] = self.pixels(row)
            for choice in range(self.choices if image is not None else 0):
                self.transform.whole(image, choice, views[choice, row])
                masks[row] = 1.0
            made[row] = True  # last of all: another thread may be looking


@dataclasses.dataclass(frozen=True)
class TrainStream:
    """The endless training stream."""

    views: Views
    seed: int
    batch_size: int
    on_device: bool = False  # say which views, do not make them: see `resident`

    def __call__(self, step: int, slots: np.ndarray) -> Batch:
        """The examples at `slots` [b] of the batch of a step."""
        transform, rows = self.views.transform, self.rows(step, slots)
        # every host draws for the whole batch, and takes its own
        uniform = np.random.default_rng((self.seed, 2, step)).random
        draws = transform.draws(uniform((self.batch_size, DRAWN))[slots])
        index = slots.astype(np.int32)
        if self.on_device:
            labels, masks = self.views.labelled(rows)
            return {VIEWS: pack(rows, draws), "label": labels, "mask": masks, "index": index}

        if transform.boxes:
            scratch = np.empty(SCRATCH, np.uint8)  # fresh memory for each image would cost a fifth
            places = uniform((self.batch_size, BOX))[slots].tolist()

            def load(k: int) -> tuple[np.ndarray | None, int]:
                choose = functools.partial(transform.box, places[k])
                return self.views.pixels.window(int(rows[k]), choose, scratch)

            images, labels, masks = read(transform, draws.choice, load)
        else:
            images, labels, masks = self.views(rows, draws.choice)
        own = Generators(self.seed, step * self.batch_size + slots)
        images = transform.finish(images, draws, own)
        images[masks == 0] = 0
        return {"image": images, "label": labels, "mask": masks, "index": index}

    def rows(self, step: int, slots: np.ndarray) -> np.ndarray:
        """Which examples [b] the slots [b] of a step show."""
        # repeated augmentation: a batch goes through its distinct examples several times
        distinct = -(-self.batch_size // self.views.transform.augment.repeats)
        count = len(self.views.pixels.source)
        epochs, places = np.divmod(step * distinct + slots % distinct, count)
        first, last = int(epochs.min()), int(epochs.max())  # a batch is no longer than an epoch
        rows = _order(self.seed, first, count)[places]
        return (
            rows
            if first == last
            else np.where(epochs == first, rows, _order(self.seed, last, count)[places])
        )


class Generators:
    """k -> a generator for position k of some in the training stream, until the next is asked for.

    All positions share a key and start far apart in its sequence (Philox): going to one of them
    takes a tenth of the time of seeding a generator.
    """

    def __init__(self, seed: int, positions: np.ndarray):
        self._positions = positions.tolist()
        self._generator = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, 1))))
        self._start = self._generator.bit_generator.state

    def __call__(self, k: int) -> np.random.Generator:
        self._start["state"]["counter"][1] = self._positions[k]  # 2**64 steps of the sequence each
        self._generator.bit_generator.state = self._start
        return self._generator


@dataclasses.dataclass(frozen=True)
class EvalStream:
    """All examples in order, then padding."""

    views: Views
    batch_size: int

    def __call__(self, step: int, slots: np.ndarray) -> Batch:
        """The examples at `slots` [b] of the batch of a step."""
        rows = step * self.batch_size + slots
        inside = rows < len(self.views.pixels.source)
        images = np.zeros((len(rows), *self.views.transform.size, 3), np.uint8)
        labels, masks = np.zeros(len(rows), np.int32), np.zeros(len(rows), np.float32)
        found = self.views(rows[inside], np.zeros(inside.sum(), int))
        images[inside], labels[inside], masks[inside] = found
        return {"image": images, "label": labels, "mask": masks, "index": slots.astype(np.int32)}


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, examples: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(examples)


@dataclasses.dataclass(frozen=True)
class HostBatch:
    """A step -> what this host reads of its batch.

    A batch that is taken in `parts`, one after another, is cut into them first: each host then has
    its slice of every part, so that the parts are the same for any number of hosts.
    """

    stream: Callable[[int, np.ndarray], Batch]
    batch_size: int
    host: int
    hosts: int
    parts: int

    def __call__(self, step: int) -> Batch:
        slots = np.arange(self.batch_size).reshape(self.parts, self.hosts, -1)
        return self.stream(step, slots[:, self.host].reshape(-1))
