"""A batch as it enters the model, as a picture: what augmentation and mixing did to the images.

Shapes: B examples, H W the image, K classes.
"""

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

    pixels = np.clip(np.asarray(images, np.float32) * std + mean, 0, 1)
    rows = -(-len(pixels) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.8 * rows), layout="constrained")
    for axes, image, label in zip(
        figure.subplots(rows, columns, squeeze=False).flat, pixels, labels
    ):
        axes.imshow(image)
        # a class may be called a$b: no formulas
        axes.set_title(caption(label, class_names), fontsize=6, parse_math=False)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=120)


def caption(label: np.ndarray, class_names: tuple[str, ...]) -> str:
    """ "cat 0.70, dog 0.30" for a soft label [K]; a class that has it all stands alone."""
    order = np.argsort(-label, kind="stable")[:SHOWN]
    shares = [(printable(class_names[k]), label[k]) for k in order if label[k] > WORTH]
    if label[order[0]] > 1 - WORTH:
        return shares[0][0]
    return ", ".join(f"{name} {share:.2f}" for name, share in shares)
