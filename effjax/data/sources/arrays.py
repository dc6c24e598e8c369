"""Images that come as arrays: .npz files, and the idx files that MNIST introduced.

An .npz holds `x_train` and `y_train`, or `train_images` and `train_labels`, and so for each split;
or `images` (`x`) and `labels` (`y`) alone. Idx files are `train-images-idx3-ubyte[.gz]`, where
`t10k` is the test split. Pixels are uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3].
"""

import functools
import gzip
import os
import pathlib
from typing import Any

import numpy as np

from effjax.data.sources.splits import find_split, in_split
from effjax.errors import UserError

IDX_IMAGES, IDX_LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
NPZ_PAIRS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("images", "labels"), ("x", "y"))


class Arrays:
    """One split of a set of arrays; a `Source`. Each process holds all of the split in memory."""

    def __init__(self, path: str, split: str, val_share: float, split_seed: int):
        self.path, self.split = path, split
        self._share, self._seed = val_share, split_seed
        images = self._arrays[0]
        if images.dtype != np.uint8 or images.shape[3:] not in ((), (1,), (3,)):
            raise UserError(
                f"{path} holds images {images.dtype} {list(images.shape)}, "
                "expected uint8 [N, H, W], [N, H, W, 1] or [N, H, W, 3]"
            )
        self.class_names = tuple(str(k) for k in range(self._classes))

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_arrays"}

    @functools.cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        read = read_idx if os.path.isdir(self.path) else read_npz
        images, labels, whole = read(self.path, self.split)
        labels = labels.reshape(-1).astype(np.int32)
        if len(labels) != len(images):
            raise UserError(f"{self.path} holds {len(images)} images, but {len(labels)} labels")
        self._classes = int(labels.max()) + 1
        if whole:
            rows = [str(row) for row in range(len(labels))]
            chosen = in_split(self.split, rows, labels, self._share, self._seed, self.path)
            images, labels = images[chosen], labels[chosen]
        return images, labels

    def __len__(self) -> int:
        return len(self._arrays[1])

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        images, labels = self._arrays
        image = images[row].reshape(*images.shape[1:3], -1)
        return np.broadcast_to(image, (*image.shape[:2], 3)), int(labels[row])

    def name(self, row: int) -> str:
        return f"image {row} of split {self.split!r} in {self.path}"


def read_npz(path: str, split: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """Images, labels, and whether they are an undivided whole rather than one split.

    Raises:
      UserError: no such split, or no names that are understood.
    """
    with np.load(path) as arrays:
        for images, labels in NPZ_PAIRS[:2]:
            start, end = images.split("{}")
            splits = {
                key[len(start) : len(key) - len(end)]
                for key in arrays.files
                if key.startswith(start) and key.endswith(end)
            }
            if splits:
                found = find_split(split, splits, path)
                return arrays[images.format(found)], arrays[labels.format(found)], False
        for images, labels in NPZ_PAIRS[2:]:
            if {images, labels} <= set(arrays.files):
                return arrays[images], arrays[labels], True
        raise UserError(
            f"{path} holds {arrays.files}\n"
            "expected x_train and y_train, train_images and train_labels, or images and labels"
        )


def read_idx(path: str, split: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """One split of a folder of idx files, plain or gzipped.

    Raises:
      UserError: no such split.
    """
    files = {file.name.removesuffix(".gz"): file for file in pathlib.Path(path).iterdir()}
    stems = {name.removesuffix(f"-{IDX_IMAGES}") for name in files if name.endswith(IDX_IMAGES)}
    names = {"test" if stem == "t10k" else stem: stem for stem in stems}
    found = names[find_split(split, names, path)]
    pair = (files[f"{found}-{kind}"] for kind in (IDX_IMAGES, IDX_LABELS))
    images, labels = (_read_idx_file(file) for file in pair)
    return images, labels, False


def _read_idx_file(file: pathlib.Path) -> np.ndarray:
    data = file.read_bytes()
    data = gzip.decompress(data) if file.suffix == ".gz" else data
    rank = data[3]
    shape = np.frombuffer(data, ">i4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
