"""Random-access sources: example i of a split as (encoded bytes or uint8 pixels, label).

Every source is cheap to pickle: files are opened in the process that reads them.
"""

import functools
import glob
import os
import zlib
from typing import Any, Protocol

import numpy as np

from effjax.data.builders import BUILDERS
from effjax.data.images.augment import image_size
from effjax.data.sources.arrays import IDX_IMAGES, Arrays
from effjax.data.sources.catalog import is_prepared, prepared_directory
from effjax.data.sources.files import ImageFiles, open_files
from effjax.data.sources.splits import find_split_expression
from effjax.errors import UserError


class Source(Protocol):
    """What the loader needs of a source."""

    class_names: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> tuple[bytes | np.ndarray, int]: ...

    def name(self, row: int) -> str:
        """What to call example `row` in a message."""


class Records:
    """A split of a data set that TFDS has prepared as ArrayRecord."""

    def __init__(self, directory: str, split: str):
        self.directory = directory
        self.split = find_split_expression(split, self._builder.info.splits, directory)
        features = self._builder.info.features
        self.image_key, self.label_key = image_and_label(features, directory)
        self.class_names = tuple(features[self.label_key].names)
        self._length = self._builder.info.splits[self.split].num_examples

    def __getstate__(self) -> dict[str, Any]:
        opened = ("_builder", "_records")
        return {key: value for key, value in vars(self).items() if key not in opened}

    @functools.cached_property
    def _builder(self) -> Any:
        return open_builder(self.directory, "array_record")

    @functools.cached_property
    def _records(self) -> Any:
        import tensorflow_datasets as tfds

        # as they lie there: taking out two features takes TFDS as long as reading does
        method = tfds.decode.DeserializeMethod.RAW_BYTES
        return self._builder.as_data_source(self.split, deserialize_method=method)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        from tensorflow_datasets.proto import tf_example_pb2

        example = tf_example_pb2.Example.FromString(self._records[row]).features.feature
        (image,) = example[self.image_key].bytes_list.value
        (label,) = example[self.label_key].int64_list.value
        return image, label

    def name(self, row: int) -> str:
        return f"record {row} of split {self.split!r} in {self.directory}"


def open_builder(directory: str, file_format: str) -> Any:
    """The TFDS builder of a prepared directory.

    Raises:
      UserError: files in another format.
    """
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    stored = builder.info.file_format.value
    if stored != file_format:
        raise UserError(
            f"{directory} holds {stored} files, expected {file_format}; convert them with\n"
            f"effjax data prepare {directory} --out=DIR"
        )
    return builder


def image_and_label(features: Any, directory: str) -> tuple[str, str]:
    """The names of the first image and the first class label among a data set's features."""
    kinds = {type(feature).__name__: key for key, feature in reversed(list(features.items()))}
    if not {"Image", "ClassLabel"} <= set(kinds):
        raise UserError(
            f"{directory} has the features {sorted(features)}; "
            "expected one Image and one ClassLabel among them"
        )
    return kinds["Image"], kinds["ClassLabel"]


class Synthetic:
    """Smooth random images, each class around a picture of its own; the same in every run."""

    def __init__(self, size: tuple[int, int], classes: int, examples: int, split: str):
        self.size, self.examples = size, examples
        self.stream = zlib.crc32(split.encode())
        self.class_names = tuple(f"class_{k}" for k in range(classes))

    def __len__(self) -> int:
        return self.examples

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        import cv2

        label = row % len(self.class_names)
        picture = np.random.default_rng((0, label)).uniform(64, 191, (4, 4, 3))
        noise = np.random.default_rng((self.stream, row)).uniform(-64, 64, (8, 8, 3))
        height, width = self.size
        smooth = [cv2.resize(grid, (width, height)) for grid in (picture, noise)]
        return np.rint(sum(smooth)).astype(np.uint8), label

    def name(self, row: int) -> str:
        return f"synthetic image {row}"


def open_source(config: Any, split: str) -> Source:
    """The source that `config.name` stands for (see `DataConfig`).

    Raises:
      UserError: unknown name, unknown split, or files that cannot be read at random.
    """
    if config.name == "synthetic":
        size = image_size(config)
        return Synthetic(size, config.synthetic_classes, config.synthetic_examples, split)
    if config.name in BUILDERS:
        return Records(prepared_directory(config.name, config.data_dir), split)
    path = os.path.expanduser(config.name)
    division = split, config.val_share, config.split_seed
    if path.endswith(".npz") or (os.path.isdir(path) and glob.glob(f"{path}/*{IDX_IMAGES}*")):
        return Arrays(_existing(path), *division)
    if path.endswith((".zip", ".tar")) or (os.path.isdir(path) and not is_prepared(path)):
        return ImageFiles(open_files(_existing(path)), *division)
    return Records(prepared_directory(config.name, config.data_dir), split)


def _existing(path: str) -> str:
    if not os.path.exists(path):
        raise UserError(f"data.name={path}: there is no such file")
    return path
