"""A CSV file that lists images and labels.

Its first line names the columns: one of images (`image`, `path`, `file`, `filename`), one or more
of labels (`label`, `class`, or any other name), and, if the set is divided, `split`. Paths are
relative to the folder of the list.
"""

import csv
import os
from collections.abc import Sequence

import numpy as np

from effjax.data.sources.files import stamps_of
from effjax.data.sources.splits import find_splits, in_split
from effjax.errors import UserError, nearest, printable

ENDINGS = (".csv", ".tsv")
IMAGE_COLUMNS = ("image", "path", "file", "filename", "file_name", "image_path", "filepath")
LABEL_COLUMNS = ("label", "class", "class_name", "category", "target")
SPLIT_COLUMNS = ("split", "set", "subset")


class ListedFiles:
    """One split of the images that a list names; a source of examples.

    Args:
      path: of the list.
      label: the column of the labels; None: the only one, or one with a usual name.

    Raises:
      UserError: a column is missing, a row is not whole, or there is no such split.
    """

    def __init__(
        self, path: str, split: str, val_share: float, split_seed: int, label: str | None = None
    ):
        self.path = path
        columns = read_columns(path)
        images = columns[image_column(columns, path)]
        classes = columns[label_column(columns, path, label)]
        _refuse_empty(classes, path)
        self.class_names = tuple(_sorted_names(set(classes)))
        number = {name: k for k, name in enumerate(self.class_names)}
        numbers = [number[name] for name in classes]
        labels = np.array(numbers, np.int32)
        chosen = self._choose(columns, images, labels, split, val_share, split_seed)
        rows = np.flatnonzero(chosen)
        self._labels = labels[rows]
        self._names = np.array([images[row] for row in rows])

    def _choose(
        self,
        columns: dict[str, list[str]],
        images: list[str],
        labels: np.ndarray,
        split: str,
        val_share: float,
        split_seed: int,
    ) -> np.ndarray:
        """Which rows [N] belong to the split."""
        for name in SPLIT_COLUMNS:
            if name in columns:
                split_of = columns[name]
                wanted = find_splits(split, set(split_of), self.path)
                return np.isin(np.array(split_of), wanted)
        return in_split(split, images, labels, val_share, split_seed, self.path)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        with open(self._place(row), "rb", buffering=0) as file:
            return file.read(), int(self._labels[row])

    def _place(self, row: int) -> str:
        name = os.path.expanduser(str(self._names[row]))
        folder = os.path.dirname(self.path)
        # `join` leaves an absolute path as it is
        return os.path.join(folder, name)

    def name(self, row: int) -> str:
        return printable(self._place(row))

    def labels(self) -> np.ndarray:
        return self._labels

    def keys(self) -> Sequence[str]:
        return self._names

    def stamps(self) -> Sequence[str]:
        return stamps_of(self._place(row) for row in range(len(self)))


def read_columns(path: str) -> dict[str, list[str]]:
    """{column: its values} of a CSV (or tab-separated .tsv) file with a header.

    Raises:
      UserError: it cannot be read, or a row has another number of values.
    """
    delimiter = "\t" if path.lower().endswith(".tsv") else ","
    try:
        # utf-8-sig: spreadsheets write a mark at the start
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{printable(path)} cannot be read as a list: {error}") from error
    if len(rows) < 2:
        raise UserError(f"{printable(path)} lists no images\nexpected a line `image,label` first")
    header = [name.strip() for name in rows[0]]
    values = rows[1:]
    for number, row in enumerate(values, start=2):
        if len(row) != len(header):
            raise UserError(
                f"{printable(path)}, row {number} has {len(row)} values, "
                f"expected {len(header)}: {printable(', '.join(header))}"
            )
    columns = {}
    for place, name in enumerate(header):
        columns[name] = [row[place].strip() for row in values]
    return columns


def image_column(columns: dict[str, list[str]], path: str) -> str:
    """The name of the column of images.

    Raises:
      UserError: there is none.
    """
    for name in columns:
        if name.lower() in IMAGE_COLUMNS:
            return name
    raise UserError(
        f"{printable(path)} has the columns {printable(', '.join(columns))}\n"
        "expected a first line such as `image,label`"
    )


def label_column(columns: dict[str, list[str]], path: str, label: str | None) -> str:
    """The name of the column of labels: `label`, or the only one, or one with a usual name.

    Raises:
      UserError: there is no such column, or there are several.
    """
    others = []
    usual = []
    for name in columns:
        lower = name.lower()
        if lower in IMAGE_COLUMNS or lower in SPLIT_COLUMNS:
            continue
        others.append(name)
        if lower in LABEL_COLUMNS:
            usual.append(name)
    if label is not None:
        if label not in others:
            raise UserError(
                f"data.label={label!r}: {printable(path)} has no such column; "
                f"{nearest(label, others)}"
            )
        return label
    candidates = usual or others
    if len(candidates) != 1:
        listed = ""
        if candidates:
            listed = ": " + printable(", ".join(candidates))
        raise UserError(
            f"{printable(path)} has {len(candidates)} columns of labels{listed}\n"
            "choose one: --config.data.label=NAME"
        )
    return candidates[0]


def _refuse_empty(classes: list[str], path: str) -> None:
    if "" in classes:
        # counted from 1, and the header is the first
        number = classes.index("") + 2
        raise UserError(f"{printable(path)}, row {number} has no label")


def _sorted_names(names: set[str]) -> list[str]:
    """Sorted as text, or as numbers if all are whole numbers."""
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    if are_numbers:
        return sorted(names, key=int)
    return sorted(names)
