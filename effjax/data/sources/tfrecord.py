"""TFRecord files that TFDS wrote, read at random without TensorFlow.

A file is a row of records: length (8 bytes), its checksum (4), the data, its checksum (4).

Shapes: N examples.
"""

import os
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax.data.sources.files import stamps_of
from effjax.data.sources.labels import require_label
from effjax.data.sources.records import image_and_label, open_builder
from effjax.data.sources.splits import find_splits
from effjax.errors import UserError, printable

# bytes before and after the data of a record
HEAD = 12
TAIL = 4


class TfRecords:
    """A split of a data set that TFDS has prepared as TFRecord; a source of examples.

    Raises:
      UserError: no such split, or a file that is cut.
    """

    def __init__(self, directory: str, split: str):
        builder = open_builder(directory, "tfrecord")
        info = builder.info
        splits = find_splits(split, info.splits, directory)
        self.directory = directory
        self.split = split
        self._features = info.features
        self.image_key, self.label_key = image_and_label(info.features, directory)
        self.class_names = tuple(info.features[self.label_key].names)
        self._files: list[str] = []
        for name in splits:
            paths = info.splits[name].filepaths
            self._files += map(os.fspath, paths)
        places = []  # file, offset, size
        for number, file in enumerate(self._files):
            for offset, size in index(file):
                places.append((number, offset, size))
        # an array takes less memory than tuples, and pickles quickly; the shape is for no records
        self._places = np.array(places, np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        import tensorflow_datasets as tfds

        number, offset, size = self._places[row]
        with open(self._files[number], "rb") as file:
            file.seek(offset)
            record = file.read(size)
        # the image stays as bytes: it is decoded later, with the quickest decoder
        undecoded: dict[str, Any] = {self.image_key: tfds.decode.SkipDecoding()}
        example = self._features.deserialize_example_np(record, decoders=undecoded)
        image = example[self.image_key]
        label = int(example[self.label_key])
        return image, require_label(label, len(self.class_names))

    def name(self, row: int) -> str:
        return f"record {row} of split {self.split!r} in {printable(self.directory)}"

    def labels(self) -> np.ndarray:
        found = []
        for row in range(len(self)):
            _, label = self[row]
            found.append(label)
        return np.array(found, np.int32)

    def keys(self) -> Sequence[str]:
        return ()

    def stamps(self) -> Sequence[str]:
        return stamps_of(self._files)


def index(path: str) -> list[tuple[int, int]]:
    """(offset, size) of the data of every record in a TFRecord file; only the heads are read.

    Raises:
      UserError: the file ends inside a record.
    """
    places = []
    offset = 0  # of the record
    end = os.path.getsize(path)
    with open(path, "rb") as file:
        while offset < end:
            file.seek(offset)
            head = file.read(HEAD)
            size = end  # more than is left, for a head that is cut
            if len(head) == HEAD:
                (size,) = struct.unpack("<Q", head[:8])
            start = offset + HEAD
            following = start + size + TAIL
            if following > end:
                raise UserError(f"{printable(path)} is cut inside record {len(places)}")
            places.append((start, size))
            offset = following
    return places
