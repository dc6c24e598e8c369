"""Means over the devices of a pmap.

Under a mesh the arrays are global and XLA takes means over all examples by itself; under pmap each
device has a mean of its own examples, and may have fewer valid ones than its neighbours.
"""

from typing import Any

import jax
import jax.numpy as jnp


class DeviceMean:
    """The mean of the devices' means, each weighed by its number of valid examples.

    Args:
      axis: the name of the pmap axis; None: there is nothing to do.
      weight: of this device.
    """

    def __init__(self, axis: str | None, weight: jax.Array | float):
        self.axis = axis
        if axis is None:
            return
        weight = jnp.asarray(weight, jnp.float32)
        mean = jax.lax.pmean(weight, axis)
        # no device may have a valid example: the means are then zeros, and stay so
        divisor = jnp.where(mean > 0, mean, 1.0)
        # exactly 1 for equally many valid examples: a mean then rounds as without weights
        self._share = weight / divisor

    def __call__(self, tree: Any) -> Any:
        """The mean of every array of a tree, in float32 at least."""
        # a sum over many devices in bfloat16 would lose what the small terms add
        tree = jax.tree.map(at_least_float32, tree)
        if self.axis is None:
            return tree
        weighed = jax.tree.map(self._weigh, tree)
        return jax.lax.pmean(weighed, self.axis)

    def _weigh(self, x: jax.Array) -> jax.Array:
        return x * self._share.astype(x.dtype)


def at_least_float32(x: jax.Array) -> jax.Array:
    """Floats below float32 raised to it; everything else as it is."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
