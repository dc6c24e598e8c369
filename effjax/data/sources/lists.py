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
        images = columns[_image_column(columns, path)]
        classes = columns[_label_column(columns, path, label)]
        _refuse_empty(classes, path)
        self.class_names = tuple(_sorted_names(set(classes)))
        number = {name: k for k, name in enumerate(self.class_names)}
        labels = np.array([number[name] for name in classes], np.int32)
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
        column = next((name for name in SPLIT_COLUMNS if name in columns), None)
        if column is None:
            return in_split(split, images, labels, val_share, split_seed, self.path)
        wanted = find_splits(split, set(columns[column]), self.path)
        return np.isin(np.array(columns[column]), wanted)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        with open(self._place(row), "rb", buffering=0) as file:
            return file.read(), int(self._labels[row])

    def _place(self, row: int) -> str:
        # an absolute path stays as it is
        name = os.path.expanduser(str(self._names[row]))
        return os.path.join(os.path.dirname(self.path), name)

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
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise UserError(
                f"{printable(path)}, row {number} has {len(row)} values, "
                f"expected {len(header)}: {printable(', '.join(header))}"
            )
    columns = {}
    for place, name in enumerate(header):
        columns[name] = [row[place].strip() for row in rows[1:]]
    return columns


def _image_column(columns: dict[str, list[str]], path: str) -> str:
    for name in columns:
        if name.lower() in IMAGE_COLUMNS:
            return name
    raise UserError(
        f"{printable(path)} has the columns {printable(', '.join(columns))}\n"
        "expected a first line such as `image,label`"
    )


def _label_column(columns: dict[str, list[str]], path: str, label: str | None) -> str:
    others = [name for name in columns if name.lower() not in (*IMAGE_COLUMNS, *SPLIT_COLUMNS)]
    if label is not None:
        if label not in others:
            raise UserError(
                f"data.label={label!r}: {printable(path)} has no such column; "
                f"{nearest(label, others)}"
            )
        return label
    usual = [name for name in others if name.lower() in LABEL_COLUMNS]
    candidates = usual or others
    if len(candidates) != 1:
        raise UserError(
            f"{printable(path)} has {len(candidates)} columns of labels"
            f"{': ' if candidates else ''}{printable(', '.join(candidates))}\n"
            "choose one: --config.data.label=NAME"
        )
    return candidates[0]


def _refuse_empty(classes: list[str], path: str) -> None:
    if "" in classes:
        number = classes.index("") + 2
        raise UserError(f"{printable(path)}, row {number} has no label")


def _sorted_names(names: set[str]) -> list[str]:
    """Sorted as text, or as numbers if all are whole numbers."""
    if all(name.isascii() and name.isdigit() for name in names):
        return sorted(names, key=int)
    return sorted(names)
