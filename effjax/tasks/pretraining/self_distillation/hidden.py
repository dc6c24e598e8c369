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
        own_key = jax.random.fold_in(key, place)
        some_key, share_key, order_key = jax.random.split(own_key, 3)
        hides_some = jax.random.bernoulli(some_key, 0.5, (crops, 1))
        share = jax.random.uniform(share_key, (crops, 1), minval=low, maxval=high)
        noise = jax.random.uniform(order_key, (crops, patches))
        # the patches of the smallest noise
        order = jnp.argsort(noise, axis=1)
        rank = jnp.argsort(order, axis=1)
        is_hidden = hides_some & (rank < share * patches)
        return is_hidden.astype(jnp.float32)

    of_examples = jax.vmap(of_example)(index)  # [B, V, N]
    return of_examples.swapaxes(0, 1)
