"""Data sets that TFDS, or `effjax data prepare`, has written as ArrayRecord files."""

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax.data.sources.files import stamps_of
from effjax.data.sources.labels import require_label
from effjax.data.sources.splits import find_split_expression
from effjax.errors import UserError, printable


class Records:
    """A split of a data set that TFDS has prepared as ArrayRecord; a source of examples.

    Raises:
      UserError: no such split, another file format, or no image or label in it.
    """

    def __init__(self, directory: str, split: str):
        self.directory = directory
        info = self._builder.info
        self.split = find_split_expression(split, info.splits, directory)
        self.image_key, self.label_key = image_and_label(info.features, directory)
        self.class_names = tuple(info.features[self.label_key].names)
        self._length = info.splits[self.split].num_examples

    def __getstate__(self) -> dict[str, Any]:
        # each process opens the files itself
        state = dict(vars(self))
        state.pop("_builder", None)
        state.pop("_records", None)
        return state

    @functools.cached_property
    def _builder(self) -> Any:
        return open_builder(self.directory, "array_record")

    @functools.cached_property
    def _records(self) -> Any:
        import tensorflow_datasets as tfds

        # raw bytes: TFDS's own decoding of two features is as slow as reading them
        method = tfds.decode.DeserializeMethod.RAW_BYTES
        return self._builder.as_data_source(self.split, deserialize_method=method)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        example = self._features(row)
        (image,) = example[self.image_key].bytes_list.value
        return image, self._label(example)

    def _features(self, row: int) -> Any:
        from tensorflow_datasets.proto import tf_example_pb2

        record = self._records[row]
        example = tf_example_pb2.Example.FromString(record)
        return example.features.feature

    def _label(self, example: Any) -> int:
        (label,) = example[self.label_key].int64_list.value
        return require_label(label, len(self.class_names))

    def name(self, row: int) -> str:
        return f"record {row} of split {self.split!r} in {printable(self.directory)}"

    def labels(self) -> np.ndarray:
        found = []
        for row in range(len(self)):
            example = self._features(row)
            found.append(self._label(example))
        return np.array(found, np.int32)

    def keys(self) -> Sequence[str]:
        return ()

    def stamps(self) -> Sequence[str]:
        names = sorted(os.listdir(self.directory))
        return stamps_of(os.path.join(self.directory, name) for name in names)


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
    """The names of the first image and the first class label among a data set's features.

    Raises:
      UserError: it lacks one of the two.
    """
    first: dict[str, str] = {}
    for key, feature in features.items():
        first.setdefault(type(feature).__name__, key)
    if not {"Image", "ClassLabel"} <= set(first):
        raise UserError(
            f"{directory} has the features {sorted(features)}; "
            "expected one Image and one ClassLabel among them"
        )
    return first["Image"], first["ClassLabel"]
