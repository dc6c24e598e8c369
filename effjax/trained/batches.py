"""Runs a function of a network over images, in batches.

Shapes: B batch, H W what the network sees.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from effjax.data.images.centre_crop import EvalTransform
from effjax.data.sources.examples import reason
from effjax.data.threads import map_rows
from effjax.trained.images import Image
from effjax.trained.spread import Spread


class Seen(NamedTuple):
    """One image and what the function gives for it.

    Attributes:
      name: of the image.
      pixels: uint8 [H, W, 3] as the network sees them; None: it cannot be read.
      output: the function's row; None with `pixels`.
      error: why it cannot be read, or None.
    """

    name: str
    pixels: np.ndarray | None
    output: Any
    error: str | None = None


def over_images(
    function: Callable[[Any, jax.Array], Any],
    variables: Any,
    transform: EvalTransform,
    images: Sequence[Image],
    batch_size: int,
) -> Iterator[Seen]:
    """Yields each image with its row of `function`, in order.

    Args:
      function: compiled; (variables, uint8 [B, H, W, 3]) -> [B, ...], or a tree of such.
      batch_size: images at a time, at most. All batches have one size, so that one program serves.
    """
    spread = Spread(batch_for(len(images), batch_size))
    placed = spread.copy(variables)

    def look(row: int) -> np.ndarray | str:
        """The pixels, or why there are none."""
        try:
            return transform(images[row].pixels())
        except MemoryError:
            raise
        except Exception as error:  # whatever a file raises concerns this file alone
            return reason(error)

    seen = map_rows(look, range(len(images)))
    blank = np.zeros((*transform.size, 3), np.uint8)
    for first in range(0, len(images), spread.batch):
        names = [image.name for image in images[first : first + spread.batch]]
        pixels = [next(seen) for _ in names]
        sent = spread.send(image=_padded(pixels, blank, spread.batch))
        outputs = jax.device_get(function(placed, sent["image"]))
        for row, (name, image) in enumerate(zip(names, pixels)):
            if isinstance(image, str):
                yield Seen(name, None, None, image)
            else:
                yield Seen(name, image, _row(outputs, row))


def _row(outputs: Any, row: int) -> Any:
    """What a tree of arrays [B, ...] holds for one image."""
    return jax.tree.map(lambda array: array[row], outputs)


def batch_for(count: int, most: int) -> int:
    """The size of batches for `count` images: a power of two where there are few.

    So that a handful of images more or less, as in a notebook, is the same program.
    """
    return min(most, 1 << (count - 1).bit_length())


def _padded(pixels: Sequence[np.ndarray | str], blank: np.ndarray, batch_size: int) -> np.ndarray:
    """uint8 [B, H, W, 3]: `blank` in place of what cannot be read, and at the end."""
    rows = []
    for image in pixels:
        unreadable = isinstance(image, str)
        rows.append(blank if unreadable else image)
    missing = batch_size - len(rows)
    rows += [blank] * missing
    return np.stack(rows)
