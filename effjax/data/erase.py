"""Random erasing, on the device.

Shapes: H W the image, C channels.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

ERASE_TRIES = 10


def random_erase(key: Array, image: Array, config: Any) -> Array:
    """Random Erasing (Zhong et al., 2020, arXiv:1708.04896): a box of noise or of the mean colour.

    Of ten random boxes the first that fits into the image is taken.

    Args:
      key: this example's key.
      image: [H, W, C], normalised.
      config: see `MixConfig`.
    """
    height, width, _ = image.shape
    draw_key, noise_key = jax.random.split(key)
    # one draw for all numbers: their order is part of the result
    draws = jax.random.uniform(draw_key, (3 + 2 * ERASE_TRIES,))
    applied, place_y, place_x = draws[:3]
    box_draws = draws[3:]
    h, w, fits = _first_box(box_draws, height, width, config)
    # uniform among the places where it fits
    rows = height - h + 1
    columns = width - w + 1
    top = jnp.floor(place_y * rows)
    left = jnp.floor(place_x * columns)
    erased = rectangle(top, left, h, w, height, width)
    is_chosen = applied < config.erase_prob
    erased &= fits & is_chosen
    if config.erase_mode == "const":
        # the mean colour, as images are normalised
        filling = jnp.zeros_like(image)
    else:
        filling = jax.random.normal(noise_key, image.shape, image.dtype)
    return jnp.where(erased[..., None], filling, image)


def _first_box(draws: Array, height: int, width: int, config: Any) -> tuple[Array, Array, Array]:
    """Height and width of the first of ten random boxes that fits, and whether one does.

    Args:
      draws: [2 * ERASE_TRIES] uniform numbers.
    """
    area, ratio = draws.reshape(2, ERASE_TRIES)
    share = between(area, config.erase_area)
    area = share * height * width
    # uniform in the logarithm: twice as high is as likely as twice as wide
    flattest, steepest = config.erase_ratio
    bounds = (math.log(flattest), math.log(steepest))
    ratio = between(ratio, bounds)
    ratio = jnp.exp(ratio)
    h = jnp.sqrt(area * ratio)
    w = jnp.sqrt(area / ratio)
    h = jnp.rint(h)
    w = jnp.rint(w)
    is_low = h < height
    is_narrow = w < width
    fits = is_low & is_narrow
    first = jnp.argmax(fits)  # 0 if none fits
    return h[first], w[first], fits[first]


def rectangle(top: Array, left: Array, h: Array, w: Array, height: int, width: int) -> Array:
    """[H, W] bool: true in rows [top, top + h) and columns [left, left + w)."""
    bottom = top + h
    right = left + w
    y = jnp.arange(height)[:, None]
    x = jnp.arange(width)[None, :]
    in_rows = (top <= y) & (y < bottom)
    in_columns = (left <= x) & (x < right)
    return in_rows & in_columns


def between(share: Array, bounds: tuple[float, float]) -> Array:
    """From [0, 1) to [low, high)."""
    low, high = bounds
    return low + share * (high - low)
