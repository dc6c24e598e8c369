"""Predictions as a file: CSV, JSON, or JSON with one object a line."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from effjax.errors import UserError, nearest
from effjax.report.tables import safe_cell
from effjax.runs.atomic import write_atomically
from effjax.trained.predictions import Prediction, names_of, shortest


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Writes predictions as the file's ending says, whole or not at all.

    .csv has a row an image: file, error, then label and probability of each class that is named; of
    several labels those that are given and the probability of each, of numbers a column of each.
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
    if predictions[0].kind == "class":
        return _classes_as_csv(predictions)
    names = names_of(predictions)
    of_labels = predictions[0].kind == "labels"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    words = ["labels"] if of_labels else []
    writer.writerow(["file", "error", *words, *map(safe_cell, names)])
    for prediction in predictions:
        row = [safe_cell(prediction.file), safe_cell(prediction.error or "")]
        if of_labels:
            row.append(safe_cell(";".join(label for label, _ in prediction.given)))
        for _, value in prediction.classes:
            row.append(f"{value:.6f}" if of_labels else shortest(value))
        if prediction.error:
            row += [""] * len(names)
        writer.writerow(row)
    return text.getvalue()


def _classes_as_csv(predictions: Sequence[Prediction]) -> str:
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
