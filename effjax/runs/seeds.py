"""The random key of a run, from a whole seed of 64 bits."""

import jax

LOW_BITS = 32


def run_key(seed: int) -> jax.Array:
    """A key for a seed from 0 to 2^64 - 1; another seed gives another key.

    `jax.random.key` keeps the low 32 bits alone unless 64-bit types are on, so the high ones are
    folded in. Seeds below 2^32 give the key that `jax.random.key` gives.
    """
    high, low = divmod(seed, 1 << LOW_BITS)
    key = jax.random.key(low)
    return jax.random.fold_in(key, high) if high else key
