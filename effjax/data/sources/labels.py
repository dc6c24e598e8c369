"""Labels are whole numbers from 0 to K - 1; everything else is refused with its value and row."""

import numpy as np

from effjax.errors import UserError, printable


def require_label(label: int, classes: int) -> int:
    """One label, as it is.

    Raises:
      UserError: it is not among 0 to `classes` - 1 (-1 is TFDS's mark for "no label").
    """
    if not 0 <= label < classes:
        raise UserError(f"label {label}, expected 0 to {classes - 1}")
    return label


def whole_labels(values: np.ndarray, where: str) -> np.ndarray:
    """Labels of any numeric type as int64 [N].

    Args:
      values: [N] or [N, 1].
      where: what to call them in a message.

    Raises:
      UserError: strings, fractions, NaN, or numbers below zero.
    """
    values = values.reshape(-1)
    if values.dtype.kind not in "biuf":
        _refuse(values, np.zeros(len(values), bool), where)
    if values.dtype.kind == "f":
        # NaN is not equal to itself, so this refuses it too
        _refuse(values, np.floor(values) == values, where)
        _refuse(values, np.abs(values) < 2**53, where)
    _refuse(values, values >= 0, where)
    if values.dtype.kind == "u":
        _refuse(values, values < 2**63, where)
    return values.astype(np.int64)


def count_classes(labels: np.ndarray, where: str) -> int:
    """The number of classes K of training labels int64 [N], whose numbers start at 0.

    Raises:
      UserError: they start at 1, or one is larger than the number of images allows.
    """
    if not len(labels):
        raise UserError(f"{printable(where)} holds no labels; expected one for each image")
    # more classes than images: a number that overflowed, or an identifier in place of a label
    _refuse(labels, labels <= len(labels), where)
    lowest = int(labels.min())
    if lowest > 0:
        row = int(labels.argmin())
        raise UserError(
            f"{printable(where)}: the lowest label is {lowest} (row {row}), "
            f"so class 0 has no image\nlabels start at 0: subtract {lowest}"
        )
    return int(labels.max()) + 1


def require_below(labels: np.ndarray, classes: int, where: str) -> None:
    """Refuses labels of another split that training does not have.

    Raises:
      UserError: a label is `classes` or more.
    """
    _refuse(labels, labels < classes, where, f"expected 0 to {classes - 1}, as in training")


def _refuse(
    values: np.ndarray, good: np.ndarray, where: str, expected: str = "expected 0, 1, 2, ..."
) -> None:
    bad = np.flatnonzero(~good)
    if not len(bad):
        return
    row = int(bad[0])
    value = printable(str(values[row]))
    more = ""
    if len(bad) > 1:
        more = f" and {len(bad) - 1} more"
    raise UserError(
        f"{printable(where)}: label {value} in row {row}{more}\n"
        f"{expected}: a label is the whole number of its class"
    )
