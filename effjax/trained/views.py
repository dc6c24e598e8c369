"""Test-time augmentation: the mean of what a network says of several views of an image.

Shapes: B batch, H W space, K classes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from effjax.errors import UserError, nearest
from effjax.trained.network import Trained

CROP = 7 / 8  # side of a crop, as a share of the image


def _flip(images: jax.Array) -> list[jax.Array]:
    return [images, images[:, :, ::-1]]


def _flips(images: jax.Array) -> list[jax.Array]:
    left_right = images[:, :, ::-1]
    up_down = images[:, ::-1]
    both = left_right[:, ::-1]
    return [images, left_right, up_down, both]


def _rotate(images: jax.Array) -> list[jax.Array]:
    height, width = images.shape[1:3]
    if height != width:
        raise UserError(f"--tta=rotate needs square images; the network sees {height} x {width}")
    return [jnp.rot90(images, turns, axes=(1, 2)) for turns in range(4)]


def _crops(images: jax.Array) -> list[jax.Array]:
    """The image, and its four corners enlarged to its size."""
    height, width = images.shape[1:3]
    inner_height, inner_width = round(CROP * height), round(CROP * width)
    views = [images]
    for top in (0, height - inner_height):
        for left in (0, width - inner_width):
            crop = images[:, top : top + inner_height, left : left + inner_width]
            enlarged = jax.image.resize(crop.astype(jnp.float32), images.shape, "bilinear")
            # the network's preprocessing takes whole numbers
            views.append(jnp.round(enlarged).astype(images.dtype))
    return views


VIEWS: dict[str, Callable[[jax.Array], list[jax.Array]]] = {
    "flip": _flip,  # left and right
    "flips": _flips,  # left and right, up and down
    "rotate": _rotate,  # by quarters
    "crops": _crops,
}


@dataclasses.dataclass(frozen=True, repr=False)
class Averaged(Trained):
    """A network that says the mean of its probabilities over views of an image.

    Attributes:
      views: one of VIEWS.
    """

    views: str = "flip"

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """What has the views' mean probabilities, or numbers, [B, K]; images uint8 [B, H, W, 3]."""
        # one view after another: all together would take their number times the memory
        views = VIEWS[self.views](images)
        logits = [super(Averaged, self).logits(variables, view) for view in views]
        return self.meaning.average(logits)


def average_over(trained: Trained, views: str) -> Averaged:
    """The same network, averaged over views.

    Raises:
      UserError: unknown views.
    """
    if views not in VIEWS:
        raise UserError(f"--tta={views}: {nearest(views, VIEWS)}")
    fields = {field.name: getattr(trained, field.name) for field in dataclasses.fields(Trained)}
    words = f"{trained.weights}; mean over views: {views}".removeprefix("; ")
    return Averaged(**{**fields, "weights": words}, views=views)
