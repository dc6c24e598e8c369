"""`effjax predict`: a table, JSON lines, files of predictions or features, a contact sheet.

Shapes: N images, H W one of them, K classes.
"""

import dataclasses
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from effjax.data.images.resize import resize_exact
from effjax.errors import UserError
from effjax.evaluate.network import writing_to
from effjax.report import Display, draw_sheet
from effjax.report.sheet import LETTERS
from effjax.report.style import shorten_middle
from effjax.runs.atomic import write_atomically
from effjax.trained.batches import Seen, batch_for, over_images
from effjax.trained.images import Image, find_images
from effjax.trained.network import BATCH, Function, Trained
from effjax.trained.prediction_files import check_ending, write_predictions
from effjax.trained.predictions import (
    NOT_FINITE,
    Prediction,
    prediction_table,
    say,
)

SHEET = 200  # images of a contact sheet
THUMBNAIL = 180  # pixels: as large as a picture on it


@dataclasses.dataclass(frozen=True)
class Answers:
    """What is made of predictions.

    Attributes:
      top: how many classes are named.
      json_lines: takes a line for each image as it comes; None: a table at the end.
      output: a .csv, .json or .jsonl file of all predictions.
      sheet: a PNG with SHEET of the images and what was said of them.
    """

    top: int = 5
    json_lines: Callable[[str], None] | None = None
    output: Path | None = None
    sheet: Path | None = None


def predict_files(
    trained: Trained,
    paths: Sequence[str],
    display: Display,
    wanted: Answers = Answers(),
    batch_size: int = BATCH,
) -> list[Prediction]:
    """Predicts every image of `paths`, in order, and shows and writes what is wanted.

    Raises:
      UserError: no images, none that can be read, or a file that cannot be written.
    """
    if wanted.top < 1 or batch_size < 1:
        raise UserError(f"--top={wanted.top} --batch={batch_size}: give 1 or more")
    if wanted.output is not None:
        check_ending(wanted.output)
    images = find_images(paths)
    display.waiting(f"compiling {trained.name} for {len(images)} image(s)")
    predictions: list[Prediction] = []
    pictures: list[tuple[np.ndarray, str]] = []
    # small ones are kept for the sheet only: a folder may hold more than the memory
    on_sheet = sheet_rows(len(images)) if wanted.sheet else frozenset()
    seen = _shown(trained.answers, trained, images, display, batch_size)
    for row, one in enumerate(seen):
        prediction = say(
            one.name, one.output, one.error, trained.labels, wanted.top, trained.meaning.kind
        )
        predictions.append(prediction)
        if wanted.json_lines is not None:
            wanted.json_lines(prediction.to_json())
        if row in on_sheet and prediction.error is None:
            pictures.append((thumbnail(images[row].pixels()), sheet_caption(prediction)))
    display.close()
    if wanted.json_lines is None:
        title = f"{len(predictions)} image(s), by {trained.name}"
        if trained.weights:
            title += f" ({trained.weights})"
        header, rows, right = prediction_table(predictions)
        display.table(title, rows, header, right=right)
    # after the table, which has the reason of each file
    _refuse_nothing([prediction.error for prediction in predictions])
    if wanted.output is not None:
        with writing_to(wanted.output, "--output"):
            write_predictions(wanted.output, predictions)
        display.line(f"predictions: {wanted.output}")
    if wanted.sheet is not None:
        write_sheet(wanted.sheet, pictures, len(predictions), display)
    return predictions


def _shown(
    function: Function,
    trained: Trained,
    images: Sequence[Image],
    display: Display,
    batch_size: int,
) -> Iterator[Seen]:
    """`over_images`, with a bar."""
    transform = trained.preprocessing.transform()
    batch = batch_for(len(images), batch_size)
    seen = over_images(function, trained.variables, transform, images, batch)
    for row, one in enumerate(seen):
        if row == 0:
            # after the first batch, which waits for the compiler: the bar times the rest
            display.start(len(images), images=1, unit="image")
        yield one
        if (row + 1) % batch == 0:
            display.update(row + 1, {})


def _refuse_nothing(errors: Sequence[str | None]) -> None:
    """Refuses a list of images of which none got an answer.

    Raises:
      UserError: saying why.
    """
    if None in errors:
        return
    if NOT_FINITE in errors:
        raise UserError(f"{NOT_FINITE} for any of {len(errors)} image(s)")
    raise UserError(f"none of the {len(errors)} file(s) can be read as an image")


def write_features(
    trained: Trained,
    paths: Sequence[str],
    out: Path,
    display: Display,
    layer: str = "prelogits",
    batch_size: int = BATCH,
) -> None:
    """Writes what a layer gives for every image of `paths` as an .npz.

    Its arrays: `features` float32 [N, ...], `files` [N] (text), `layer` (text). Files that cannot
    be read are left out and named.

    Raises:
      UserError: no images, none that can be read, no such layer, or a file that cannot be written.
    """
    if out.suffix != ".npz":
        raise UserError(f"--features={out}: features are written as .npz, give such a name")
    images = find_images(paths)
    function = trained.layer(layer)
    display.waiting(f"compiling {trained.name} for {len(images)} image(s)")
    files = []
    rows = []
    broken = []
    for one in _shown(function, trained, images, display, batch_size):
        if one.output is None:
            broken.append((one.name, one.error))
            continue
        files.append(one.name)
        rows.append(one.output)
    display.close()
    if broken:
        display.table(f"{len(broken)} of {len(images)} cannot be read", broken)
    if not files:
        raise UserError(f"none of the {len(images)} file(s) can be read as an image")
    features = np.stack(rows)
    content = io.BytesIO()
    np.savez(content, features=features, files=np.array(files), layer=np.array(layer))
    with writing_to(out, "--features"):
        write_atomically(out, content.getvalue())
    shape = ", ".join(map(str, features.shape))
    display.line(f"features: {out}, {layer} of {trained.name}, float32 [{shape}]")


def sheet_rows(count: int) -> frozenset[int]:
    """Which images a contact sheet shows: all, or SHEET of them drawn with seed 0."""
    if count <= SHEET:
        return frozenset(range(count))
    # not the first: folders are in order, and these would be of one kind
    drawn = np.random.default_rng(0).choice(count, SHEET, replace=False)
    return frozenset(drawn.tolist())


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """An image uint8 [H, W, 3] whose longer side is at most THUMBNAIL.

    The sheet shows the photograph, and not the few pixels of it that a small network sees.
    """
    height, width = pixels.shape[:2]
    scale = THUMBNAIL / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(scale * height)), max(1, round(scale * width))
    return resize_exact(pixels, size, "bilinear")


def sheet_caption(prediction: Prediction) -> str:
    """Two lines: the file's name, and the class with its probability, the labels or a number."""
    name = os.path.basename(prediction.file)
    if prediction.kind == "labels":
        given = ", ".join(label for label, _ in prediction.given) or "none"
        return f"{name}\n{shorten_middle(given, LETTERS)}"
    if prediction.kind == "numbers":
        numbers = ", ".join(f"{value:.4g}" for _, value in prediction.classes)
        return f"{name}\n{shorten_middle(numbers, LETTERS)}"
    label, probability = prediction.classes[0]
    share = f"{probability:.0%}"
    # the sheet shortens a line that is too long, but the number stays
    return f"{name}\n{shorten_middle(label, LETTERS - len(share) - 1)} {share}"


def write_sheet(
    out: Path, pictures: Sequence[tuple[np.ndarray, str]], count: int, display: Display
) -> None:
    """Writes the contact sheet.

    Raises:
      UserError: it cannot be written there.
    """
    try:
        draw_sheet(out, pictures)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write --out={out}: {error}") from error
    line = f"picture: {out}"
    if count > SHEET:
        line += f" ({SHEET} of {count:,} images, drawn with seed 0)"
    display.line(line)
