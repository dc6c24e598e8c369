"""What a trained network says of image files: a table, JSON lines, a contact sheet.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.data.images.decode import decode
from effjax.data.sources.examples import reason
from effjax.data.sources.files import IMAGE_ENDINGS, image_names, is_archive, open_files
from effjax.data.threads import map_rows
from effjax.errors import UserError
from effjax.report import Display, draw_sheet
from effjax.trained.network import Spread, Trained

BATCH = 32
NOT_FINITE = "the network's output is not finite"


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One image to be looked at: what it is called, and how its bytes are had."""

    name: str
    read: Callable[[], bytes]


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the network says of one file.

    Attributes:
      file: its path.
      classes: (name, probability) of the likeliest, best first; () if the file is broken.
      error: why it cannot be read, or None.
    """

    file: str
    classes: tuple[tuple[str, float], ...]
    error: str | None = None

    def to_json(self) -> str:
        """One line: {"file": ..., "classes": [{"label": ..., "probability": ...}, ...]}."""
        line: dict[str, Any] = {"file": self.file}
        if self.error is not None:
            line["error"] = self.error
            return json.dumps(line, ensure_ascii=False)
        line["classes"] = []
        for label, probability in self.classes:
            rounded = round(probability, 6)  # float32 has no more digits
            line["classes"].append({"label": label, "probability": rounded})
        return json.dumps(line, ensure_ascii=False)


def find_images(paths: Sequence[str]) -> list[ImageFile]:
    """The images that `paths` stand for: files as they are, folders and archives with all in them.

    A file that is named is taken whatever its ending; in folders, .zip and .tar those with the
    ending of an image count, hidden ones and what a Mac adds to a zip do not.

    Raises:
      UserError: a path that is not there, or no image at all.
    """
    found: list[ImageFile] = []
    for path in map(os.path.expanduser, paths):
        if not os.path.exists(path):
            raise UserError(f"{path}: there is no such file or folder")
        if os.path.isdir(path) or is_archive(path):
            found += _inside(path)
        else:
            found.append(ImageFile(path, Path(path).read_bytes))
    if not found:
        endings = " ".join(IMAGE_ENDINGS)
        raise UserError(f"no images in {' '.join(paths)}: expected files that end in\n{endings}")
    return found


def _inside(path: str) -> list[ImageFile]:
    files = open_files(path)
    found = []
    for name in image_names(files):
        # not a lambda: that would read the last name for all of them
        read = functools.partial(files.read, name)
        found.append(ImageFile(os.path.join(path, name), read))
    return found


def predict(
    trained: Trained,
    images: Sequence[ImageFile],
    display: Display,
    top: int = 5,
    batch_size: int = BATCH,
) -> Iterator[tuple[Prediction, np.ndarray | None]]:
    """Yields what the network says of each image, in order, with the pixels that it saw.

    Args:
      top: how many classes are named.
      batch_size: images at a time; a batch is padded to it, so that one program serves all.

    Yields:
      (prediction, uint8 [H, W, 3]); no pixels for a file that cannot be read.
    """
    spread = Spread(min(batch_size, len(images)))
    batch_size = spread.batch
    variables = spread.copy(trained.variables)
    transform = trained.preprocessing.transform()

    @jax.jit
    def probabilities(variables: Any, images: jax.Array) -> jax.Array:
        return jax.nn.softmax(trained.logits(variables, images))

    def look(row: int) -> np.ndarray | str:
        """The pixels, or why there are none."""
        try:
            return transform(decode(images[row].read()))
        except MemoryError:
            raise
        except Exception as error:  # whatever a file raises concerns this file alone
            return reason(error)

    steps = -(-len(images) // batch_size)  # rounded up
    seen = map_rows(look, range(len(images)))
    blank = np.zeros((*trained.preprocessing.size, 3), np.uint8)
    for step in range(steps):
        first = step * batch_size
        files = images[first : first + batch_size]
        pixels = [next(seen) for _ in files]
        batch = _padded(pixels, blank, batch_size)
        sent = spread.send(image=batch)
        rows = np.asarray(probabilities(variables, sent["image"]))
        if step == 0:
            # after the first batch, which waits for the compiler: the bar times the rest
            display.start(steps, images=batch_size)
        for file, image, row in zip(files, pixels, rows):
            if isinstance(image, str):
                yield Prediction(file.name, (), image), None
            elif not np.isfinite(row).all():
                # sorting NaN gives an order too, and with it a class
                yield Prediction(file.name, (), NOT_FINITE), None
            else:
                classes = likeliest(row, trained.labels, top)
                yield Prediction(file.name, classes), image
        display.update(step + 1, {})


def _padded(
    pixels: Sequence[np.ndarray | str],
    blank: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """uint8 [B, H, W, 3]: `blank` in place of what cannot be read, and at the end."""
    rows = []
    for image in pixels:
        unreadable = isinstance(image, str)
        rows.append(blank if unreadable else image)
    missing = batch_size - len(rows)
    rows += [blank] * missing
    return np.stack(rows)


def likeliest(row: np.ndarray, labels: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    """(name, probability) of the `top` classes of one image's probabilities [K], best first."""
    # stable: of equally likely classes the first, on every machine
    order = np.argsort(-row, kind="stable")
    return tuple((labels[k], float(row[k])) for k in order[:top])


def prediction_rows(predictions: Sequence[Prediction]) -> list[tuple[str, ...]]:
    """(file, label, probability, the others in words) for a table."""
    rows = []
    for prediction in predictions:
        if prediction.error is not None:
            rows.append((prediction.file, "cannot be read", "", prediction.error))
            continue
        (label, probability), *others = prediction.classes
        then = [f"{other} {share:.1%}" for other, share in others]
        row = (
            prediction.file,
            label,
            f"{probability:.1%}",
            ", ".join(then),
        )
        rows.append(row)
    return rows


def predict_files(
    trained: Trained,
    paths: Sequence[str],
    display: Display,
    top: int = 5,
    batch_size: int = BATCH,
    json_lines: Callable[[str], None] | None = None,
    out: Path | None = None,
) -> list[Prediction]:
    """Predicts every image of `paths` and shows it as a table, or as JSON lines as they come.

    Args:
      json_lines: takes each line; None: a table at the end.
      out: a PNG with the images and what was said of them, in pages of SHEET.

    Raises:
      UserError: no images, none that can be read, or a picture that cannot be written.
    """
    if top < 1 or batch_size < 1:
        raise UserError(f"--top={top} --batch={batch_size}: give 1 or more")
    images = find_images(paths)
    display.waiting(f"compiling {trained.name} for {len(images)} image(s)")
    predictions: list[Prediction] = []
    pictures: list[tuple[np.ndarray, str]] = []
    for prediction, pixels in predict(trained, images, display, top, batch_size):
        predictions.append(prediction)
        if json_lines is not None:
            json_lines(prediction.to_json())
        # pixels are kept for the sheet only: a folder may hold more than the memory
        fits_sheet = out is not None and len(pictures) < SHEET
        if fits_sheet and pixels is not None:
            pictures.append((pixels, sheet_caption(prediction)))
    display.close()
    if json_lines is None:
        header = ("file", "class", "prob.", "then")
        title = f"{len(predictions)} image(s), by {trained.name}"
        display.table(title, prediction_rows(predictions), header, right=[2])
    # after the table, which has the reason of each file
    errors = [prediction.error for prediction in predictions]
    if None not in errors:
        if NOT_FINITE in errors:
            raise UserError(f"{NOT_FINITE} for any of {len(predictions)} image(s)")
        raise UserError(f"none of the {len(predictions)} file(s) can be read as an image")
    if out is not None:
        write_sheet(out, pictures, len(predictions), display)
    return predictions


SHEET = 200  # images of a contact sheet


def sheet_caption(prediction: Prediction) -> str:
    """Two lines: the file's name, and the class with its probability."""
    label, probability = prediction.classes[0]
    name = os.path.basename(prediction.file)
    # cut to what fits under a picture
    return f"{name[:22]}\n{label[:16]} {probability:.0%}"


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
        line += f" (the first {SHEET} of {count})"
    display.line(line)
