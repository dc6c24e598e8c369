"""What a trained network says of images: in Python, as JSON, in a terminal and a notebook.

Shapes: N images, K classes.
"""

import dataclasses
import html
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from effjax.errors import UserError
from effjax.report.tables import format_table
from effjax.trained.meaning import THRESHOLD

NOT_FINITE = "the network's output is not finite"
OTHERS = 4  # labels that are named beside those that are given
SHOWN = 20  # rows of a notebook's table


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the network says of one image.

    Attributes:
      file: its path, or "image 3".
      classes: (name, probability) of the likeliest, best first; of labels all, and of numbers
        (name, number), in the data's order; () if there is an error.
      error: why nothing can be said, or None.
      kind: "class", "labels" or "numbers".
    """

    file: str
    classes: tuple[tuple[str, float], ...]
    error: str | None = None
    kind: str = "class"

    @property
    def given(self) -> tuple[tuple[str, float], ...]:
        """(label, probability) of those above THRESHOLD, best first; of a class the likeliest."""
        if self.kind == "class":
            return self.classes[:1]
        above = [pair for pair in self.by_probability if pair[1] > THRESHOLD]
        return tuple(above) if self.kind == "labels" else ()

    @property
    def by_probability(self) -> tuple[tuple[str, float], ...]:
        """`classes`, best first."""
        return tuple(sorted(self.classes, key=lambda pair: -pair[1]))

    def as_dict(self) -> dict[str, Any]:
        """What JSON files hold of it.

        {"file": ..., "classes": [{"label": ..., "probability": ...}, ...]} or "error" beside
        "file"; of labels {"file", "labels": [...], "probabilities": {label: ...}}, of numbers
        {"file", "numbers": {name: ...}}.
        """
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        if self.kind == "numbers":
            numbers = {name: float(shortest(value)) for name, value in self.classes}
            return {"file": self.file, "numbers": numbers}
        if self.kind == "labels":
            labels = [label for label, _ in self.given]
            shares = {label: round(share, 6) for label, share in self.classes}
            return {"file": self.file, "labels": labels, "probabilities": shares}
        classes = []
        for label, probability in self.classes:
            rounded = round(probability, 6)  # float32 has no more digits
            classes.append({"label": label, "probability": rounded})
        return {"file": self.file, "classes": classes}

    def to_json(self) -> str:
        """`as_dict` on one line."""
        return json.dumps(self.as_dict(), ensure_ascii=False)


def say(
    name: str,
    row: np.ndarray | None,
    error: str | None,
    classes: Sequence[str],
    top: int,
    kind: str = "class",
) -> Prediction:
    """What the answers `row` [K] for one image say: the `top` classes, all labels or numbers."""
    if row is None:
        return Prediction(name, (), error, kind)
    if not np.isfinite(row).all():
        # sorting NaN gives an order too, and with it a class
        return Prediction(name, (), NOT_FINITE, kind)
    if kind == "class":
        return Prediction(name, likeliest(row, classes, top))
    pairs = tuple(zip(classes, row.tolist(), strict=True))
    return Prediction(name, pairs, None, kind)


def shortest(number: float) -> str:
    """The fewest digits that tell a float32 from its neighbours."""
    return str(np.float32(number))


def likeliest(row: np.ndarray, labels: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    """(name, probability) of the `top` classes of one image's probabilities [K], best first."""
    # stable: of equally likely classes the first, on every machine
    order = np.argsort(-row, kind="stable")
    return tuple((labels[k], float(row[k])) for k in order[:top])


@dataclasses.dataclass(frozen=True, repr=False)
class Predictions:
    """What a network says of several images.

    Attributes:
      names: the images' paths, or "image 3"; N of them.
      answers: float32 [N, K]: probabilities, or numbers in their units; NaN where nothing can be
        said.
      classes: the names of the classes, labels or numbers, K of them.
      errors: why nothing can be said, or None; N of them.
      kind: "class", "labels" or "numbers".
    """

    names: tuple[str, ...]
    answers: np.ndarray
    classes: tuple[str, ...]
    errors: tuple[str | None, ...]
    kind: str = "class"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def probabilities(self) -> np.ndarray:
        """`answers` of classes or labels.

        Raises:
          UserError: these are numbers.
        """
        if self.kind == "numbers":
            raise UserError("these are numbers, not probabilities; ask for `numbers`")
        return self.answers

    @property
    def numbers(self) -> np.ndarray:
        """`answers` in their own units, one column for each of `classes`.

        Raises:
          UserError: these are probabilities.
        """
        if self.kind != "numbers":
            raise UserError("these are probabilities, not numbers; ask for `probabilities`")
        return self.answers

    @property
    def labels(self) -> list[str | None] | list[tuple[str, ...] | None]:
        """The likeliest class of each image, or its labels; None where nothing can be said.

        Raises:
          UserError: these are numbers.
        """
        _ = self.probabilities  # numbers have none
        found = []
        for row in self.top(1):
            names = tuple(name for name, _ in row.given)
            answer = names[0] if self.kind == "class" and names else names
            found.append(answer if row.classes else None)
        return found

    def top(self, count: int = 5) -> list[Prediction]:
        """The `count` likeliest classes of each image; of labels and numbers all."""
        found = []
        for name, row, error in zip(self.names, self.answers, self.errors):
            known = None if error and error != NOT_FINITE else row
            found.append(say(name, known, error, self.classes, count, self.kind))
        return found

    def __repr__(self) -> str:
        header, rows, right = prediction_table(self.top(3)[:SHOWN])
        lines = format_table(rows, header, right)
        if len(self) > SHOWN:
            lines.append(f"... and {len(self) - SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The table of a notebook."""
        header, rows, _ = prediction_table(self.top(3)[:SHOWN])
        caption = f"{len(self):,} images"
        if len(self) > SHOWN:
            caption += f", the first {SHOWN}"
        return html_table(rows, header, caption)


Table = tuple[tuple[str, ...], list[tuple[str, ...]], list[int]]


def prediction_table(predictions: Sequence[Prediction]) -> Table:
    """(header, rows, the columns that are aligned to the right) of one kind of predictions."""
    kind = predictions[0].kind
    if kind == "numbers":
        names = names_of(predictions) or ("numbers",)
        header = ("file", *names)
        right = list(range(1, len(header)))
    elif kind == "labels":
        header = ("file", "labels", "others")
        right = []
    else:
        header = ("file", "class", "prob.", "then")
        right = [2]
    return header, [_row(prediction, len(header)) for prediction in predictions], right


def _row(prediction: Prediction, width: int) -> tuple[str, ...]:
    if prediction.error is not None:
        why = "no answer" if prediction.error == NOT_FINITE else "cannot be read"
        if width < 3:  # one number
            return (prediction.file, f"{why}: {prediction.error}")
        return (prediction.file, why, *[""] * (width - 3), prediction.error)
    if prediction.kind == "numbers":
        return (prediction.file, *[f"{value:.4g}" for _, value in prediction.classes])
    if prediction.kind == "labels":
        given = prediction.given
        others = prediction.by_probability[len(given) :][:OTHERS]
        return (prediction.file, _in_words(given) or "none", _in_words(others))
    (label, probability), *others = prediction.classes
    return (prediction.file, label, f"{probability:.1%}", _in_words(others))


def _in_words(pairs: Sequence[tuple[str, float]]) -> str:
    """ "cat 71.0%, dog 12.5%"."""
    return ", ".join(f"{label} {share:.1%}" for label, share in pairs)


def names_of(predictions: Sequence[Prediction]) -> tuple[str, ...]:
    """The names of labels or numbers; () if nothing could be said of any image."""
    for prediction in predictions:
        if prediction.classes:
            return tuple(name for name, _ in prediction.classes)
    return ()


def html_table(rows: Sequence[Sequence[str]], header: Sequence[str], caption: str) -> str:
    """A table for a notebook; names of files and classes are escaped."""
    lines = [f"<table><caption>{html.escape(caption)}</caption>"]
    if header:
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        lines.append(f"<tr>{cells}</tr>")
    for row in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</table>"])
