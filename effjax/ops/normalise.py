"""Mean and deviation taken out, with gradients that suit the backend."""

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.beside import beside
from effjax.ops.kept import kept
from effjax.ops.platform import on_tpu

Axes = tuple[int, ...]
_POSITIONS_OF_AN_OUTPUT = 4  # a kernel of an image then has a quarter of its map's entries at most


def normalise(x: Array, over: Axes, eps: float) -> Array:
    """(x - mean) / sqrt(variance + eps), both over the axes `over`, in float32 at least.

    Images side by side in the channels have a mean and a variance each; `over` is then three axes.
    On a TPU the gradient is custom: forward-mode differentiation works on top of it, not in place
    of it.
    """
    if on_tpu():
        return _in_closed_form(x, over, eps, beside())
    return normalise_reference(x, over, eps)


def normalise_reference(x: Array, over: Axes, eps: float) -> Array:
    """The same with the gradient that JAX derives, statistic by statistic."""
    wide = _at_least_float32(x)
    # The variance of what is centred: E[x^2] - E[x]^2 cancels where the mean is large.
    mean = kept(wide.mean(over, keepdims=True))
    centred = wide - mean
    variance = kept(jnp.square(centred).mean(over, keepdims=True))
    return centred * lax.rsqrt(variance + eps)


def norm_in_kernel(shape: tuple[int, ...], outputs: int) -> bool:
    """Whether a norm over whole maps [B, H, W, C] is better put into the kernel of what follows.

    It is for images side by side, where a kernel for each is much smaller than its map: no pass
    over the map is left of the norm, nor of the sums in its gradient.

    Args:
      outputs: channels after that product.
    """
    positions = math.prod(shape[1:-1])
    return beside() > 1 and positions >= _POSITIONS_OF_AN_OUTPUT * outputs


def affine_of_norm(x: Array, over: Axes, eps: float) -> tuple[Array, Array]:
    """(factor, shift) of each image, such that `normalise(x, over, eps)` is factor * x + shift."""
    mean, variance = _moments(x, over, beside())
    inverse = lax.rsqrt(variance + eps)
    return inverse, -mean * inverse


# ------------------------------------------------------------------------ for TPUs


def _forward_and_save(
    x: Array, over: Axes, eps: float, images: int
) -> tuple[Array, tuple[Array, ...]]:
    mean, variance = _moments(x, over, images)
    inverse = lax.rsqrt(variance + eps)
    return (_at_least_float32(x) - mean) * inverse, (x, mean, inverse)


def _mean(x: Array, over: Axes, images: int) -> Array:
    """The mean over axes that are kept, for each of the images that lie side by side."""
    if images == 1:
        return x.mean(over, keepdims=True)
    *space, _ = over
    of_channels = x.mean(space, keepdims=True)  # [B / k, 1, 1, k C]
    of_images = of_channels.reshape(*of_channels.shape[:-1], images, -1).mean(-1)
    return jnp.repeat(of_images, x.shape[-1] // images, axis=-1)


def _moments(x: Array, over: Axes, images: int) -> tuple[Array, Array]:
    """Mean and variance, of bfloat16 in one pass.

    E[x^2] - E[x]^2 in float32 loses about 1e-7 mean^2, where rounding to bfloat16 has added 1e-6
    mean^2 to the variance before. Of float32 it would lose what the input still has.
    """
    wide = _at_least_float32(x)
    mean = _mean(wide, over, images)
    if x.dtype == jnp.bfloat16:
        square = _mean(jnp.square(wide), over, images)
        return mean, jnp.maximum(square - jnp.square(mean), 0)
    return mean, _mean(jnp.square(wide - mean), over, images)


def _forward(x: Array, over: Axes, eps: float, images: int) -> Array:
    return _forward_and_save(x, over, eps, images)[0]


def _gradient(
    over: Axes, eps: float, images: int, saved: tuple[Array, ...], g: Array
) -> tuple[Array]:
    """Both of its sums in one pass, where the derived gradient needs one after the other."""
    del eps
    x, mean, inverse = saved
    normalised = (_at_least_float32(x) - mean) * inverse
    along_ones = _mean(g, over, images)
    along_itself = _mean(g * normalised, over, images)
    dx = inverse * (g - along_ones - normalised * along_itself)
    return (dx.astype(x.dtype),)


_in_closed_form = jax.custom_vjp(_forward, nondiff_argnums=(1, 2, 3))
_in_closed_form.defvjp(_forward_and_save, _gradient)


def _at_least_float32(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
