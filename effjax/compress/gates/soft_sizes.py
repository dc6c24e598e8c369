"""How many channels stay, as a number that has a gradient.

DDNP, https://github.com/gaosh/DDNP: a mask of ones and zeros with a ramp at the cut.

Shapes: N channels of a group.
"""

import functools

import jax
import jax.numpy as jnp

RAMP = 0.05  # half the width of the ramp, as a share of the channels
FLOOR = 0.025  # of what is cut off, so that it still sends a gradient


def ramp_reach(size: int) -> int:
    """Entries of the ramp on either side of the cut; groups of fewer than 20 have none."""
    return int(RAMP * size)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def soft_size(
    share: jax.Array,
    size: int,
    reach: int,
    floor: float = FLOOR,
) -> jax.Array:
    """A mask [N] that keeps about `share` of the channels, the first ones.

    As in the authors' code, the derivative to `share` is the mean of those to the mask's entries.

    Args:
      share: in (0, 1).
      size: N.
      reach: see `ramp_reach`; a cut near an end has a shorter ramp.
      floor: is added everywhere; no entry exceeds 1.
    """
    real = jnp.asarray(share) * size
    kept = jnp.round(real)
    places = jnp.arange(size)
    hard = (places < kept).astype(real.dtype)
    reach = jnp.clip(jnp.minimum(size - kept - 1, kept), 0, reach)
    from_cut = kept - places
    t = (from_cut + real - kept) / jnp.maximum(2 * reach, 1)
    ramp = jnp.clip(-2 * t**3 + 1.5 * t + 0.5, 0.0, 1.0)
    on_ramp = (jnp.abs(from_cut) <= reach) & (reach > 0)
    return jnp.minimum(jnp.where(on_ramp, ramp, hard) + floor, 1.0)


def _forward(
    share: jax.Array,
    size: int,
    reach: int,
    floor: float,
) -> tuple[jax.Array, None]:
    return soft_size(share, size, reach, floor), None


def _backward(
    size: int,
    reach: int,
    floor: float,
    _: None,
    slopes: jax.Array,
) -> tuple[jax.Array]:
    return (slopes.mean(),)


soft_size.defvjp(_forward, _backward)
