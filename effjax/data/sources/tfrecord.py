"""TFRecord files that TFDS wrote, read at random without TensorFlow: only to convert them.

A file is a row of records: length (8 bytes), its checksum (4), the data, its checksum (4).
"""

import os
import struct
from typing import Any

import numpy as np

from effjax.data.sources.source import image_and_label, open_builder
from effjax.data.sources.splits import find_split

HEAD, TAIL = 12, 4


class TfRecords:
    """A split of a data set that TFDS has prepared as TFRecord; a `Source`."""

    def __init__(self, directory: str, split: str):
        builder = open_builder(directory, "tfrecord")
        split = find_split(split, builder.info.splits, directory)
        self.directory, self.split = directory, split
        self._features = builder.info.features
        self.image_key, self.label_key = image_and_label(self._features, directory)
        self.class_names = tuple(self._features[self.label_key].names)
        self._files = [os.fspath(path) for path in builder.info.splits[split].filepaths]
        places = [(n, *place) for n, file in enumerate(self._files) for place in index(file)]
        self._places = np.array(places, np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        import tensorflow_datasets as tfds

        number, offset, size = self._places[row]
        with open(self._files[number], "rb") as file:
            file.seek(offset)
            record = file.read(size)
        undecoded: dict[str, Any] = {self.image_key: tfds.decode.SkipDecoding()}
        example = self._features.deserialize_example_np(record, decoders=undecoded)
        return example[self.image_key], int(example[self.label_key])

    def name(self, row: int) -> str:
        return f"record {row} of split {self.split!r} in {self.directory}"


def index(path: str) -> list[tuple[int, int]]:
    """(offset, size) of the data of every record in a TFRecord file; only the heads are read."""
    places, offset, end = [], 0, os.path.getsize(path)
    with open(path, "rb") as file:
        while offset < end:
            file.seek(offset)
            (size,) = struct.unpack("<Q", file.read(HEAD)[:8])
            places.append((offset + HEAD, size))
            offset += HEAD + size + TAIL
    return places
