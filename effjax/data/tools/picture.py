"""A batch as it enters the model, as a picture: what augmentation and mixing did to the images.

Shapes: B examples, H W the image, K classes.
"""

import math
import os

import numpy as np

from effjax.errors import printable

SHOWN = 3  # classes that a caption names
WORTH = 0.02  # the share of a label below which a class is not named


def save_picture(
    path: str | os.PathLike,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    columns: int = 8,
) -> None:
    """Writes a grid of images, each with its label and the classes that were mixed into it.

    Args:
      path: of the PNG file.
      images: [B, H, W, 3] float, normalised with `mean` and `std`.
      labels: [B, K] soft labels.
    """
    from matplotlib.figure import Figure

    pixels = np.asarray(images, np.float32) * std + mean
    pixels = np.clip(pixels, 0, 1)
    rows = math.ceil(len(pixels) / columns)
    width = 1.6 * columns  # inches
    height = 1.8 * rows  # a caption stands above each image
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, image, label in zip(grid.flat, pixels, labels):
        axes.imshow(image)
        # a class may be called a$b: no formulas
        axes.set_title(caption(label, class_names), fontsize=6, parse_math=False)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=120)


def caption(label: np.ndarray, class_names: tuple[str, ...]) -> str:
    """ "cat 0.70, dog 0.30" for a soft label [K]; a class that has it all stands alone."""
    order = np.argsort(-label, kind="stable")
    largest = order[0]
    if label[largest] > 1 - WORTH:
        return printable(class_names[largest])
    parts = []
    for k in order[:SHOWN]:
        share = label[k]
        if share > WORTH:
            name = printable(class_names[k])
            parts.append(f"{name} {share:.2f}")
    return ", ".join(parts)
