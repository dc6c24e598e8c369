"""How fresh parameters are drawn: as the authors of the published models draw them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.nn.initializers import Initializer

# The authors truncate at +-2, which is +-100 standard deviations: a plain normal.
normal_init = nn.initializers.normal(0.02)
fan_out_init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
zeros_init = nn.initializers.zeros
ones_init = nn.initializers.ones


def uniform_init(bound: float) -> Initializer:
    """Uniform in [-bound, bound)."""

    def init(key: Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init
