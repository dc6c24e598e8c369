"""Parquet files with image bytes, as Hugging Face `datasets` stores them; read with pyarrow.

A file is called `<split>-00000-of-00002.parquet` and lies in the folder or in its `data/`. One
column holds the images ({"bytes": ..., "path": ...} or bytes), one the labels, whose names stand in
the file's metadata.

Rows are stored in groups of some hundred, which can only be read as a whole. Groups stay in memory
if all of them fit into a quarter of it. A larger set is read slowly in random order, and should be
converted: `effjax data prepare`.
"""

import collections
import functools
import glob
import json
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax.data.sources.files import stamps_of
from effjax.data.sources.labels import count_classes, require_below, whole_labels
from effjax.data.sources.lists import IMAGE_COLUMNS, LABEL_COLUMNS
from effjax.data.sources.splits import find_splits, in_split, is_split
from effjax.errors import UserError, printable

WHOLE = ""
KEPT_GROUPS = 4


class Parquet:
    """One split of a folder of Parquet files; a source of examples.

    Raises:
      UserError: pyarrow is missing, no such split, no image or label column, or bad labels.
    """

    def __init__(
        self, path: str, split: str, val_share: float, split_seed: int, label: str | None = None
    ):
        self.path = path
        files = find_parquet(path)
        self._files = []
        split_of_file = []
        for name, paths in files.items():
            self._files += paths
            split_of_file += [name] * len(paths)
        self._choose_columns(label)
        # the labels of all splits: they are checked together, and few bytes
        parts = [self._read_labels(file) for file in self._files]
        lengths = [len(part) for part in parts]
        labels = np.concatenate(parts)
        if not self.class_names:
            classes = count_classes(labels, path)
            self.class_names = tuple(str(k) for k in range(classes))
        require_below(labels, len(self.class_names), path)
        # where each example lies
        file_of = np.repeat(np.arange(len(parts)), lengths)
        row_of = np.concatenate([np.arange(length) for length in lengths])
        if list(files) == [WHOLE]:
            keys = [str(row) for row in range(len(labels))]
            chosen = in_split(split, keys, labels, val_share, split_seed, path)
        else:
            wanted = find_splits(split, files, path)
            split_of = np.array(split_of_file)[file_of]
            chosen = np.isin(split_of, wanted)
        self._labels = labels[chosen]
        self._file_of = file_of[chosen]
        self._row_of = row_of[chosen]

    def _choose_columns(self, label: str | None) -> None:
        """Sets the columns of images and labels, and the class names if the file says them."""
        schema = _open(self._files[0]).schema_arrow
        columns = schema.names
        usual_images = ("img", *IMAGE_COLUMNS)
        usual_labels = ("labels", "fine_label", *LABEL_COLUMNS)
        self._image = _column(columns, None, usual_images, self.path, "images")
        self._label = _column(columns, label, usual_labels, self.path, "labels")
        self.class_names = _names_in_metadata(schema.metadata, self._label)

    def _read_labels(self, file: str) -> np.ndarray:
        column = _open(file).read(columns=[self._label])[0]
        return whole_labels(column.to_numpy(), self.path)

    def __getstate__(self) -> dict[str, Any]:
        # each process opens the files itself
        state = dict(vars(self))
        state.pop("_groups", None)
        return state

    @functools.cached_property
    def _groups(self) -> "RowGroups":
        return RowGroups(self._files, self._image)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        file = int(self._file_of[row])
        row_in_file = int(self._row_of[row])
        value = self._groups.read(file, row_in_file)
        data = value
        if isinstance(value, dict):
            data = value["bytes"]
        if data is None:
            raise UserError(f"no bytes, only the path {value['path']}")
        return data, int(self._labels[row])

    def name(self, row: int) -> str:
        file = self._files[self._file_of[row]]
        return printable(f"row {self._row_of[row]} of {file}")

    def labels(self) -> np.ndarray:
        return self._labels

    def keys(self) -> Sequence[str]:
        return [f"{file}/{row}" for file, row in zip(self._file_of, self._row_of)]

    def stamps(self) -> Sequence[str]:
        return stamps_of(self._files)


class RowGroups:
    """One column of several files, by rows; the groups that were read last are kept."""

    def __init__(self, files: Sequence[str], column: str):
        self._column = column
        self._opened = [_open(file) for file in files]
        self._ends = []  # of the row groups of each file
        for file in self._opened:
            metadata = file.metadata
            groups = range(metadata.num_row_groups)
            sizes = [metadata.row_group(group).num_rows for group in groups]
            self._ends.append(np.cumsum(sizes))
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        need = sum(map(os.path.getsize, files))
        kept = KEPT_GROUPS
        if need < memory / 4:
            kept = None  # all of them
        keep = functools.lru_cache(kept)
        self._group = keep(self._read_group)

    def _read_group(self, file: int, group: int) -> Any:
        return self._opened[file].read_row_group(group, columns=[self._column])[0]

    def read(self, file: int, row: int) -> Any:
        """The value in a row of a file."""
        ends = self._ends[file]
        group = int(np.searchsorted(ends, row, side="right"))
        start = 0
        if group > 0:
            start = int(ends[group - 1])
        values = self._group(file, group)
        return values[row - start].as_py()


def find_parquet(path: str) -> dict[str, list[str]]:
    """{split: its files in order} of a folder with Parquet files; {} if there are none."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for folder in (path, os.path.join(path, "data")):
        # a folder's own name may hold a * or a [
        pattern = os.path.join(glob.escape(folder), "*.parquet")
        for file in sorted(glob.glob(pattern)):
            words = re.split(r"[-_.]", os.path.basename(file))
            split = words[0]
            if not is_split(split):
                split = WHOLE
            found[split].append(file)
    return dict(found)


def _open(file: str) -> Any:
    """A Parquet file, of which nothing is read but its end.

    Raises:
      UserError: pyarrow is not there, or the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(f"{file} needs another package\npip install pyarrow") from error
    try:
        return pyarrow.parquet.ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{printable(file)} cannot be read: {error}") from error


def _column(
    columns: Sequence[str], wanted: str | None, usual: Sequence[str], path: str, what: str
) -> str:
    candidates = usual
    if wanted is not None:
        candidates = (wanted,)
    for name in candidates:
        if name in columns:
            return name
    raise UserError(
        f"{printable(path)} has the columns {printable(', '.join(columns))}\n"
        f"expected one of {what} called {', '.join(candidates)}"
    )


def _names_in_metadata(metadata: dict[bytes, bytes] | None, label: str) -> tuple[str, ...]:
    """The names of the classes; () if the file does not say them."""
    metadata = metadata or {}
    try:
        described = json.loads(metadata[b"huggingface"])
        feature = described["info"]["features"][label]
        return tuple(feature["names"])
    except (KeyError, TypeError, ValueError):
        return ()
