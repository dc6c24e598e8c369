"""Colours of images changed at random, on the device: what SUN shows its student alone.

Shapes: B batch, H W space.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

GREY = (0.299, 0.587, 0.114)  # weights of the channels


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How much, and how often.

    Attributes:
      share: of the images that are changed at all.
      jitter: brightness, contrast and saturation change by up to this share.
      grey, solarize: probabilities.
    """

    share: float = 0.5
    jitter: float = 0.4
    grey: float = 0.2
    solarize: float = 0.5

    def __call__(self, images: Array, key: Array, index: Array) -> Array:
        """uint8 [B, H, W, 3] -> uint8, each by draws of its own.

        Args:
          index: [B], of the examples in the global batch.
        """

        def of_example(image: Array, place: Array) -> Array:
            return self._one(image, jax.random.fold_in(key, place))

        return jax.vmap(of_example)(images, index)

    def _one(self, image: Array, key: Array) -> Array:
        factor_key, chance_key = jax.random.split(key)
        spread = jax.random.uniform(factor_key, (3,), minval=-1.0, maxval=1.0)
        brightness, contrast, saturation = 1 + self.jitter * spread
        grey, solarize, change = jax.random.uniform(chance_key, (3,))
        x = image.astype(jnp.float32) / 255
        black = jnp.zeros_like(x)
        x = _blend(x, black, brightness)
        mean = _grey(x).mean(keepdims=True)
        x = _blend(x, mean, contrast)
        x = _blend(x, _grey(x), saturation)
        # without colour
        x = jnp.where(grey < self.grey, _grey(x), x)
        # what is light becomes dark
        is_light = (solarize < self.solarize) & (x >= 0.5)
        x = jnp.where(is_light, 1 - x, x)
        changed = jnp.round(255 * x).astype(image.dtype)
        return jnp.where(change < self.share, changed, image)


def _grey(x: Array) -> Array:
    """[H, W, 1]."""
    return jnp.einsum("hwc,c->hw", x, jnp.asarray(GREY))[..., None]


def _blend(x: Array, other: Array, factor: Array) -> Array:
    """`other` at factor 0, `x` at 1, further away beyond."""
    mixed = other + factor * (x - other)
    return jnp.clip(mixed, 0.0, 1.0)
