"""What a trained network says of image files: a table, JSON lines, a contact sheet.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

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
        if self.error is not None:
            return json.dumps({"file": self.file, "error": self.error}, ensure_ascii=False)
        classes = [{"label": label, "probability": round(p, 6)} for label, p in self.classes]
        return json.dumps({"file": self.file, "classes": classes}, ensure_ascii=False)


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
    return [
        ImageFile(os.path.join(path, name), lambda name=name: files.read(name))
        for name in image_names(files)
    ]


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
    probabilities = jax.jit(lambda v, x: jax.nn.softmax(trained.logits(v, x)))
    transform = trained.preprocessing.transform()

    def look(row: int) -> np.ndarray | str:
        try:
            return transform(decode(images[row].read()))
        except MemoryError:
            raise
        except Exception as error:  # whatever a file raises concerns this file alone
            return reason(error)

    total = -(-len(images) // batch_size)
    seen = map_rows(look, range(len(images)))
    blank = np.zeros((*trained.preprocessing.size, 3), np.uint8)
    for step in range(total):
        files = images[step * batch_size : (step + 1) * batch_size]
        pixels = [next(seen) for _ in files]
        stacked = [blank if isinstance(image, str) else image for image in pixels]
        stacked += [blank] * (batch_size - len(files))
        rows = probabilities(variables, spread.send(image=np.stack(stacked))["image"])
        if step == 0:
            display.start(total, images=batch_size)
        for file, image, row in zip(files, pixels, np.asarray(rows)):
            if isinstance(image, str):
                yield Prediction(file.name, (), image), None
            elif not np.isfinite(row).all():
                # sorting NaN gives an order too, and with it a class
                yield Prediction(file.name, (), NOT_FINITE), None
            else:
                yield Prediction(file.name, likeliest(row, trained.labels, top)), image
        display.update(step + 1, {})


def likeliest(row: np.ndarray, labels: Sequence[str], top: int) -> tuple[tuple[str, float], ...]:
    """(name, probability) of the `top` classes of one image's probabilities [K], best first."""
    order = np.argsort(-row, kind="stable")[:top]
    return tuple((labels[k], float(row[k])) for k in order)


def prediction_rows(predictions: Sequence[Prediction]) -> list[tuple[str, ...]]:
    """(file, label, probability, the others in words) for a table."""
    rows = []
    for prediction in predictions:
        if prediction.error is not None:
            rows.append((prediction.file, "cannot be read", "", prediction.error))
            continue
        (label, p), *others = prediction.classes
        rows.append(
            (prediction.file, label, f"{p:.1%}", ", ".join(f"{n} {q:.1%}" for n, q in others))
        )
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
    predictions, pictures = [], []
    for prediction, pixels in predict(trained, images, display, top, batch_size):
        predictions.append(prediction)
        if json_lines is not None:
            json_lines(prediction.to_json())
        if out is not None and pixels is not None and len(pictures) < SHEET:
            pictures.append((pixels, sheet_caption(prediction)))
    display.close()
    if json_lines is None:
        header = ("file", "class", "prob.", "then")
        title = f"{len(predictions)} image(s), by {trained.name}"
        display.table(title, prediction_rows(predictions), header, right=[2])
    if all(prediction.error is not None for prediction in predictions):
        if any(prediction.error == NOT_FINITE for prediction in predictions):
            raise UserError(f"{NOT_FINITE} for any of {len(predictions)} image(s)")
        raise UserError(f"none of the {len(predictions)} file(s) can be read as an image")
    if out is not None:
        write_sheet(out, pictures, len(predictions), display)
    return predictions


SHEET = 200  # images of a contact sheet


def sheet_caption(prediction: Prediction) -> str:
    """Two lines: the file's name, and the class with its probability."""
    label, p = prediction.classes[0]
    return f"{os.path.basename(prediction.file)[:22]}\n{label[:16]} {p:.0%}"


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
    more = f" (the first {SHEET} of {count})" if count > SHEET else ""
    display.line(f"picture: {out}{more}")
