"""`effjax predict --explain`: a picture of each image beside what the answer rests on.

Shapes: H W one image.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effjax.errors import UserError
from effjax.evaluate.network import writing_to
from effjax.report import Display, draw_sheet
from effjax.trained.batches import over_images
from effjax.trained.explain import explained
from effjax.trained.images import find_images
from effjax.trained.network import BATCH, Trained
from effjax.trained.predictions import prediction_table, say

TOP = 3
SHADE = 0.65  # of the heat's colour where it is largest


def explain_files(
    trained: Trained,
    paths: Sequence[str],
    kind: str,
    folder: Path,
    display: Display,
    batch_size: int = BATCH,
) -> None:
    """Writes a PNG for each image of `paths` into `folder`, and shows a table.

    Args:
      kind: one of `effjax.trained.explain.HEATS`.

    Raises:
      UserError: no images, none that can be read, an unknown kind, or a folder that cannot be
        written to.
    """
    images = find_images(paths)
    function = explained(trained, kind)
    with writing_to(folder, "--explain-to"):
        folder.mkdir(parents=True, exist_ok=True)
    display.waiting(f"compiling {trained.name} for {len(images)} image(s)")
    transform = trained.preprocessing.transform()
    predictions = []
    for one in over_images(function, trained.variables, transform, images, batch_size):
        shares, heat = one.output or (None, None)
        prediction = say(one.name, shares, one.error, trained.labels, TOP, trained.meaning.kind)
        predictions.append(prediction)
        if prediction.error is None:
            label, share = prediction.by_probability[0]  # whose heat it is
            pictures = [(one.pixels, "seen"), (overlay(one.pixels, heat), f"{label} {share:.0%}")]
            with writing_to(folder, "--explain-to"):
                draw_sheet(folder / picture_name(one.name, kind), pictures)
    display.close()
    header, rows, right = prediction_table(predictions)
    display.table(f"{kind}, by {trained.name}", rows, header, right=right)
    if all(prediction.error for prediction in predictions):
        raise UserError(f"none of the {len(images)} file(s) can be read as an image")
    display.line(f"pictures: {folder}")


def picture_name(name: str, kind: str) -> str:
    """The name of an image's picture: its whole path, as images of two folders may be alike."""
    flat = name.strip("/.").replace("/", "_")
    return f"{flat}.{kind}.png"


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3]: the image in grey, coloured where the heat [H, W], 0 to 1, is large."""
    from matplotlib import colormaps

    grey = pixels.mean(-1, keepdims=True)
    colour = 255 * colormaps["inferno"](heat)[..., :3]
    weight = SHADE * heat[..., None]
    return np.rint((1 - weight) * grey + weight * colour).astype(np.uint8)
