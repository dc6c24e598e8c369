"""Which patches are hidden from the student: iBOT's masks, as random patches of each crop.

Shapes: V crops, B batch, N patches.
"""

import jax
import jax.numpy as jnp
from jax import Array


def draw_hidden(
    key: Array, index: Array, crops: int, patches: int, ratio: tuple[float, float]
) -> Array:
    """float32 [V, B, N]: 1.0 for a hidden patch; half of the crops hide none.

    Args:
      index: [B], of the examples of the global batch: each draws by a key of its own.
      ratio: the smallest and the largest share that is hidden.
    """
    low, high = ratio

    def of_example(place: Array) -> Array:
        some_key, share_key, order_key = jax.random.split(jax.random.fold_in(key, place), 3)
        some = jax.random.bernoulli(some_key, 0.5, (crops, 1))
        share = jax.random.uniform(share_key, (crops, 1), minval=low, maxval=high)
        noise = jax.random.uniform(order_key, (crops, patches))
        rank = jnp.argsort(jnp.argsort(noise, axis=1), axis=1)
        return (some & (rank < share * patches)).astype(jnp.float32)

    return jax.vmap(of_example)(index).swapaxes(0, 1)
