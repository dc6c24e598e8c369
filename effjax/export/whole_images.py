"""A network that takes photographs of one size as they are: resizing and cropping are inside.

What evaluation does on the host with Pillow is done by two matrices here, one along each axis, with
the same weights and the same rounding in between.

Shapes: B batch, I J the photograph, H W what enters the network; every image is uint8 [., ., 3].
"""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.errors import UserError
from effjax.trained.network import Trained

# Pillow's filters: how far they reach, in pixels of the result
REACH = {"bilinear": 1.0, "bicubic": 2.0}
PRECISION = 2.0**22  # Pillow rounds weights to whole multiples of 1 / PRECISION
LARGEST_SIDE = 16384


@dataclasses.dataclass(frozen=True)
class WholeImages(Trained):
    """A trained classifier, and the size of the photographs that it takes.

    Attributes:
      taken: (height, width) of the photographs.
    """

    taken: tuple[int, int] = (0, 0)

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """Logits [B, K] of uint8 images [B, I, J, 3]; a pure function."""
        return super().logits(variables, self.prepared(images))

    def prepared(self, images: jax.Array) -> jax.Array:
        """uint8 [B, I, J, 3] -> resized and cropped, whole numbers in float32 [B, H, W, 3]."""
        transform = self.preprocessing.transform()
        height, width = transform.size
        new_size, corner = transform.geometry(*self.taken)
        top, left = corner
        rows = resize_weights(self.taken[0], new_size[0], transform.interpolation)
        columns = resize_weights(self.taken[1], new_size[1], transform.interpolation)
        # only what the crop keeps is computed
        rows = rows[top : top + height]
        columns = columns[left : left + width]
        pixels = images.astype(jnp.float32)
        # Pillow rounds after each axis, and takes the rows first
        pixels = _along("bijc,wj->biwc", pixels, columns)
        pixels = _levels(pixels)
        pixels = _along("biwc,hi->bhwc", pixels, rows)
        return _levels(pixels)


def take_whole(trained: Trained, size: str) -> WholeImages:
    """The network as one that takes photographs of a size such as "480x640", height first.

    Raises:
      UserError: no size of a photograph.
    """
    taken = _sides(size)
    if taken is None:
        raise UserError(
            f"--with-preprocessing={size}: expected HEIGHTxWIDTH of the photographs, such as "
            f"480x640\neach up to {LARGEST_SIDE}; leave it out to resize them yourself"
        )
    fields = {}
    for field in dataclasses.fields(Trained):
        fields[field.name] = getattr(trained, field.name)
    return WholeImages(**fields, taken=taken)


def _sides(size: str) -> tuple[int, int] | None:
    """(480, 640) of "480x640"; None if it says no such sides."""
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", size.lower())
    if found is None:
        return None
    height = int(found[1])
    width = int(found[2])
    smallest = min(height, width)
    largest = max(height, width)
    if smallest < 1 or largest > LARGEST_SIDE:
        return None
    return height, width


def input_size(trained: Trained) -> tuple[int, int]:
    """(height, width) of the images that a network takes."""
    if isinstance(trained, WholeImages):
        return trained.taken
    return trained.preprocessing.size


def resize_weights(old: int, new: int, interpolation: str) -> np.ndarray:
    """[new, old]: what each pixel of the result takes of each pixel, float32.

    Pillow's antialiased filters: where an image shrinks, the filter is as much wider.
    """
    scale = old / new
    stretch = max(scale, 1.0)
    reach = REACH[interpolation] * stretch
    # in pixels of the old image, [new, 1]
    centres = scale * (np.arange(new) + 0.5)
    centres = centres[:, None]
    first = np.floor(np.maximum(centres - reach + 0.5, 0))
    end = np.floor(centres + reach + 0.5)
    pixels = np.arange(old)
    is_near = (pixels >= first) & (pixels < end)
    distance = np.abs(pixels + 0.5 - centres)
    weights = FILTERS[interpolation](distance / stretch)
    weights = np.where(is_near, weights, 0.0)
    weights /= weights.sum(1, keepdims=True)
    rounded = np.round(weights * PRECISION) / PRECISION
    return rounded.astype(np.float32)


def largest_pixel_difference(network: WholeImages) -> float:
    """The largest difference of a pixel, in levels, from what the host's transform gives."""
    rng = np.random.default_rng(0)
    shape = (*network.taken, 3)
    image = rng.integers(0, 256, shape, np.uint8)
    transform = network.preprocessing.transform()
    expected = transform(image)
    prepared = jax.jit(network.prepared)
    (found,) = np.asarray(prepared(image[None]))
    difference = np.abs(found - expected)
    return float(difference.max())


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - distance, 0)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys 1981, a = -1/2. https://doi.org/10.1109/TASSP.1981.1163711"""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    beyond = 0.0
    outer = np.where(distance < 2, far, beyond)
    return np.where(distance < 1, near, outer)


FILTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": _triangle,
    "bicubic": _cubic,
}


def _along(axes: str, pixels: jax.Array, weights: np.ndarray) -> jax.Array:
    # accelerators multiply in fewer bits unless they are told not to
    return jnp.einsum(axes, pixels, weights, precision=jax.lax.Precision.HIGHEST)


def _levels(pixels: jax.Array) -> jax.Array:
    """Rounded half up and cut to 0..255, as in uint8."""
    rounded = jnp.floor(pixels + 0.5)
    return jnp.clip(rounded, 0, 255)
