"""A CSV file that lists images with several labels each, or with measurements.

    image,tags              data.label=tags data.label_separator=";"
    1.jpg,cat;dog           several labels: one column of names
    2.jpg,

    image,cat,dog,age       data.targets=cat,dog   or   data.targets=age,
    1.jpg,1,1,3.5           one column of numbers for each target

The "label" of an example is its row in the file, and `table` holds what is to be learned of it.

Shapes: F rows of the file, n of them in the split, T targets.
"""

import math
from collections.abc import Sequence

import numpy as np

from effjax.data.sources.lists import ListedFiles, image_column, label_column, read_columns
from effjax.errors import UserError, nearest, printable


class ListedTargets(ListedFiles):
    """One split of the images that a list names, with several targets each; a source of examples.

    Args:
      path: of the list.
      label: the column of the names, where `separator` is given.
      separator: what parts the names.
      targets: else the columns of numbers.

    Attributes:
      class_names: the names of the targets.
      table: float32 [F, T]: 0 and 1 for names, else the numbers.

    Raises:
      UserError: a column is missing, a value is no number, or there is no such split.
    """

    def __init__(
        self,
        path: str,
        split: str,
        val_share: float,
        split_seed: int,
        label: str | None = None,
        separator: str | None = None,
        targets: Sequence[str] = (),
    ):
        self.path = path
        if separator and targets:
            raise UserError("data.label_separator and data.targets are both set; give one of them")
        columns = read_columns(path)
        images = columns[image_column(columns, path)]
        if separator:
            names = columns[label_column(columns, path, label)]
            self.class_names, self.table = _several_names(names, separator, path)
        else:
            self.class_names, self.table = _numbers(columns, targets, path)
        # a set of labels has no class by which it could be divided evenly
        alike = np.zeros(len(images), np.int32)
        chosen = self._choose(columns, images, alike, split, val_share, split_seed)
        rows = np.flatnonzero(chosen)
        self._labels = rows.astype(np.int32)
        self._names = np.array([images[row] for row in rows])

    def keys(self) -> Sequence[str]:
        found = []
        for name, row in zip(self._names, self._labels):
            values = " ".join(f"{value:g}" for value in self.table[row])
            found.append(f"{name} {values}")  # other values are other data
        return found


def _several_names(
    texts: Sequence[str], separator: str, path: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """(names, table) of a column of names."""
    rows = []
    known: set[str] = set()
    for text in texts:
        parts = [part.strip() for part in text.split(separator)]
        row = [part for part in parts if part]
        rows.append(row)
        known.update(row)
    names = sorted(known)
    if not names:
        raise UserError(f"{printable(path)} names no label of any image")
    number = {name: k for k, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)), np.float32)
    for place, row in enumerate(rows):
        for name in row:
            table[place, number[name]] = 1.0
    return tuple(names), table


def _numbers(
    columns: dict[str, list[str]], targets: Sequence[str], path: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """(names, table) of columns of numbers."""
    table = []
    for name in targets:
        if name not in columns:
            raise UserError(
                f"data.targets: {printable(path)} has no column {name!r}; {nearest(name, columns)}"
            )
        values = [_number(text, name, row, path) for row, text in enumerate(columns[name], 2)]
        table.append(values)
    return tuple(targets), np.array(table, np.float32).T


def _number(text: str, name: str, row: int, path: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(
            f"{printable(path)}, row {row}: {name} = {printable(text)!r} is no finite number"
        )
    return value
