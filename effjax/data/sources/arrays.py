"""Images that come as arrays: .npz files, and the idx files that MNIST introduced.

An .npz holds `x_train` and `y_train`, or `train_images` and `train_labels`, and so for each split;
or `images` (`x`) and `labels` (`y`) alone. Idx files are `train-images-idx3-ubyte[.gz]`, where
`t10k` is the test split.

Shapes: N images of uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3]; labels [N].
"""

import functools
import gzip
import os
import pathlib
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from effjax.data.sources.labels import count_classes, require_below, whole_labels
from effjax.data.sources.splits import find_splits, in_split, split_kind
from effjax.errors import UserError, printable

IDX_IMAGES = "images-idx3-ubyte"
IDX_LABELS = "labels-idx1-ubyte"
NPZ_SPLIT_PAIRS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"))
NPZ_WHOLE_PAIRS = (("images", "labels"), ("x", "y"))
WHOLE = ""  # the only "split" of an undivided set


class ArrayFiles(Protocol):
    """The arrays of each split in a file or folder."""

    path: str
    splits: tuple[str, ...]

    def images(self, split: str) -> np.ndarray:
        """Pixels of one split."""

    def labels(self, split: str) -> np.ndarray:
        """Labels of one split, as they are stored."""


class Arrays:
    """One split of a set of arrays; a source of examples.

    Each process holds all of the split in memory.

    Raises:
      UserError: no such split, pixels that are not uint8, or labels that are no labels.
    """

    def __init__(self, path: str, split: str, val_share: float, split_seed: int):
        self.path = path
        self.split = split
        self._share = val_share
        self._seed = split_seed
        images, _ = self._arrays
        channels = images.shape[3:]
        is_picture = channels in ((), (1,), (3,))
        if images.dtype != np.uint8 or not is_picture:
            raise UserError(
                f"{path} holds images {images.dtype} {list(images.shape)}, "
                "expected uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3]"
            )
        self.class_names = tuple(str(k) for k in range(self._classes))

    def __getstate__(self) -> dict[str, Any]:
        # each process reads the arrays itself
        state = dict(vars(self))
        state.pop("_arrays", None)
        return state

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        files = open_arrays(self.path)
        labels, self._classes = checked_labels(files)
        if files.splits == (WHOLE,):
            images = _as_many(files.images(WHOLE), labels[WHOLE], self.path)
            return self._part(images, labels[WHOLE])
        images_of = []
        labels_of = []
        for name in find_splits(self.split, files.splits, self.path):
            images = _as_many(files.images(name), labels[name], self.path)
            images_of.append(images)
            labels_of.append(labels[name])
        if len(images_of) == 1:
            # `concatenate` would copy all pixels
            return images_of[0], labels_of[0]
        return np.concatenate(images_of), np.concatenate(labels_of)

    def _part(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The wanted part of an undivided set."""
        rows = [str(row) for row in range(len(labels))]
        chosen = in_split(self.split, rows, labels, self._share, self._seed, self.path)
        return images[chosen], labels[chosen]

    def __len__(self) -> int:
        return len(self._arrays[1])

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        images, labels = self._arrays
        image = images[row].reshape(*images.shape[1:3], -1)
        # one channel or three
        pixels = np.broadcast_to(image, (*image.shape[:2], 3))
        return pixels, int(labels[row])

    def name(self, row: int) -> str:
        return f"image {row} of split {self.split!r} in {printable(self.path)}"

    def labels(self) -> np.ndarray:
        return self._arrays[1]

    def keys(self) -> Sequence[str]:
        return [str(row) for row in range(len(self))]

    def stamps(self) -> Sequence[str]:
        images, _ = self._arrays
        checksum = zlib.crc32(np.ascontiguousarray(images))
        return [str(checksum)]


def checked_labels(files: ArrayFiles) -> tuple[dict[str, np.ndarray], int]:
    """The labels int64 [N] of every split, and the number of classes.

    Raises:
      UserError: labels that are no whole numbers, do not start at 0, or are unknown in training.
    """
    found: dict[str, np.ndarray] = {}
    training: list[np.ndarray] = []
    for split in files.splits:
        labels = whole_labels(files.labels(split), _where(files, split))
        found[split] = labels
        if split == WHOLE or split_kind(split) == "train":
            training.append(labels)
    # training says which classes there are; without it all splits do
    known = training or list(found.values())
    classes = count_classes(np.concatenate(known), files.path)
    for split, labels in found.items():
        require_below(labels, classes, _where(files, split))
    return found, classes


def _where(files: ArrayFiles, split: str) -> str:
    """What to call a split in a message."""
    if split == WHOLE:
        return files.path
    return f"{files.path} ({split})"


def _as_many(images: np.ndarray, labels: np.ndarray, path: str) -> np.ndarray:
    if len(labels) != len(images):
        raise UserError(f"{path} holds {len(images)} images, but {len(labels)} labels")
    return images


def open_arrays(path: str) -> ArrayFiles:
    """An .npz file or a folder of idx files.

    Raises:
      UserError: no array names that are understood.
    """
    if os.path.isdir(path):
        return Idx(path)
    return Npz(path)


class Npz:
    """An .npz file."""

    def __init__(self, path: str):
        self.path = path
        try:
            with open(path, "rb") as file, np.load(file) as arrays:
                names = arrays.files
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} cannot be read as .npz: {error}") from error
        self._names = _npz_names(names)
        if not self._names:
            raise UserError(
                f"{path} holds {names}\n"
                "expected x_train and y_train, train_images and train_labels, or images and labels"
            )
        self.splits = tuple(self._names)

    def images(self, split: str) -> np.ndarray:
        return self._read(self._names[split][0])

    def labels(self, split: str) -> np.ndarray:
        return self._read(self._names[split][1])

    def _read(self, name: str) -> np.ndarray:
        try:
            with open(self.path, "rb") as file, np.load(file) as arrays:
                return arrays[name]
        # an array of objects is a ValueError: reading it could run code
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{self.path}: {name} cannot be read: {error}") from error


def _npz_names(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{split: (name of the images, name of the labels)}; the split WHOLE if there is one pair."""
    for images, labels in NPZ_SPLIT_PAIRS:
        start, end = images.split("{}")
        pairs = {}
        for name in names:
            is_images = name.startswith(start) and name.endswith(end)
            if not is_images:
                continue
            split = name.removeprefix(start).removesuffix(end)
            beside = labels.format(split)
            if beside in names:
                pairs[split] = (images.format(split), beside)
        if pairs:
            return pairs
    for pair in NPZ_WHOLE_PAIRS:
        if set(pair) <= set(names):
            return {WHOLE: pair}
    return {}


class Idx:
    """A folder of idx files, plain or gzipped."""

    def __init__(self, path: str):
        self.path = path
        self._files: dict[str, pathlib.Path] = {}
        for file in pathlib.Path(path).iterdir():
            name = file.name.removesuffix(".gz")
            self._files[name] = file
        stems = []
        for name in self._files:
            if IDX_IMAGES in name:
                stems.append(name.removesuffix(f"-{IDX_IMAGES}"))
        self._stems: dict[str, str] = {}
        for stem in sorted(stems):
            # MNIST calls its test images after their number
            split = "test" if stem == "t10k" else stem
            self._stems[split] = stem
        self.splits = tuple(self._stems)

    def images(self, split: str) -> np.ndarray:
        return self._read(split, IDX_IMAGES)

    def labels(self, split: str) -> np.ndarray:
        return self._read(split, IDX_LABELS)

    def _read(self, split: str, kind: str) -> np.ndarray:
        name = f"{self._stems[split]}-{kind}"
        file = self._files.get(name)
        if file is None:
            raise UserError(f"{self.path} has no file {name} or {name}.gz")
        try:
            return _read_idx_file(file)
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise UserError(f"{file} cannot be read: {error}") from error


def _read_idx_file(file: pathlib.Path) -> np.ndarray:
    """Four bytes (the last is the rank), a size for each axis, the values."""
    data = file.read_bytes()
    if file.suffix == ".gz":
        data = gzip.decompress(data)
    rank = data[3]
    start = 4 + 4 * rank
    shape = np.frombuffer(data, ">i4", rank, offset=4)
    values = np.frombuffer(data, np.uint8, offset=start)
    return values.reshape(shape)
