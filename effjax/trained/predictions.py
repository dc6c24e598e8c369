"""What a trained network says of images: in Python, as CSV, as JSON, in a notebook.

Shapes: N images, K classes.
"""

import csv
import dataclasses
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.errors import UserError, nearest
from effjax.report.tables import format_table, safe_cell
from effjax.runs.atomic import write_atomically

NOT_FINITE = "the network's output is not finite"
HEADER = ("image", "class", "prob.", "then")
SHOWN = 20  # rows of a notebook's table


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the network says of one image.

    Attributes:
      file: its path, or "image 3".
      classes: (name, probability) of the likeliest, best first; () if there is an error.
      error: why nothing can be said, or None.
    """

    file: str
    classes: tuple[tuple[str, float], ...]
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """{"file": ..., "classes": [{"label": ..., "probability": ...}, ...]} or with "error"."""
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        classes = []
        for label, probability in self.classes:
            rounded = round(probability, 6)  # float32 has no more digits
            classes.append({"label": label, "probability": rounded})
        return {"file": self.file, "classes": classes}

    def to_json(self) -> str:
        """`as_dict` on one line."""
        return json.dumps(self.as_dict(), ensure_ascii=False)


def say(
    name: str, row: np.ndarray | None, error: str | None, classes: Sequence[str], top: int
) -> Prediction:
    """What the probabilities `row` [K] of one image say, the `top` classes."""
    if row is None:
        return Prediction(name, (), error)
    if not np.isfinite(row).all():
        # sorting NaN gives an order too, and with it a class
        return Prediction(name, (), NOT_FINITE)
    return Prediction(name, likeliest(row, classes, top))


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
      probabilities: float32 [N, K]; NaN where nothing can be said.
      classes: the names of the classes, K of them.
      errors: why nothing can be said, or None; N of them.
    """

    names: tuple[str, ...]
    probabilities: np.ndarray
    classes: tuple[str, ...]
    errors: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> list[str | None]:
        """The likeliest class of each image; None where nothing can be said."""
        return [row.classes[0][0] if row.classes else None for row in self.top(1)]

    def top(self, count: int = 5) -> list[Prediction]:
        """The `count` likeliest classes of each image, with their probabilities."""
        found = []
        for name, row, error in zip(self.names, self.probabilities, self.errors):
            known = None if error and error != NOT_FINITE else row
            found.append(say(name, known, error, self.classes, count))
        return found

    def __repr__(self) -> str:
        rows = prediction_rows(self.top(3)[:SHOWN])
        lines = format_table(rows, HEADER, [2])
        if len(self) > SHOWN:
            lines.append(f"... and {len(self) - SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The table of a notebook."""
        rows = prediction_rows(self.top(3)[:SHOWN])
        caption = f"{len(self):,} images"
        if len(self) > SHOWN:
            caption += f", the first {SHOWN}"
        return html_table(rows, HEADER, caption)


def prediction_rows(predictions: Sequence[Prediction]) -> list[tuple[str, str, str, str]]:
    """(file, label, probability, the others in words) for a table."""
    rows = []
    for prediction in predictions:
        if prediction.error is not None:
            why = "no answer" if prediction.error == NOT_FINITE else "cannot be read"
            rows.append((prediction.file, why, "", prediction.error))
            continue
        (label, probability), *others = prediction.classes
        then = [f"{other} {share:.1%}" for other, share in others]
        rows.append((prediction.file, label, f"{probability:.1%}", ", ".join(then)))
    return rows


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


# --------------------------------------------------------------------------------------- files


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Writes predictions as the file's ending says, whole or not at all.

    .csv has a row an image: file, error, then label and probability of each class that is named.
    .json is one list, .jsonl one object a line.

    Raises:
      UserError: another ending.
      OSError: there is no room, or no folder.
    """
    check_ending(path)
    write_atomically(path, FORMATS[path.suffix](predictions))


def check_ending(path: Path) -> None:
    """Refuses a file that `write_predictions` does not know how to write.

    Raises:
      UserError: naming the endings that it knows.
    """
    if path.suffix not in FORMATS:
        raise UserError(f"--output={path}: {nearest(path.suffix, FORMATS)}")


def _as_csv(predictions: Sequence[Prediction]) -> str:
    most = max(len(prediction.classes) for prediction in predictions)
    header = ["file", "error"]
    for place in range(1, most + 1):
        number = "" if place == 1 else f"_{place}"
        header += [f"label{number}", f"probability{number}"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for prediction in predictions:
        row = [safe_cell(prediction.file), safe_cell(prediction.error or "")]
        for label, probability in prediction.classes:
            row += [safe_cell(label), f"{probability:.6f}"]
        writer.writerow(row + [""] * (len(header) - len(row)))
    return text.getvalue()


def _as_json(predictions: Sequence[Prediction]) -> str:
    rows = [prediction.as_dict() for prediction in predictions]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _as_json_lines(predictions: Sequence[Prediction]) -> str:
    return "".join(f"{prediction.to_json()}\n" for prediction in predictions)


FORMATS = {".csv": _as_csv, ".json": _as_json, ".jsonl": _as_json_lines}
