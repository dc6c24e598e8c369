"""What blocks keep for the backward pass, and what they compute again there.

A product of matrices or a convolution is expensive to compute and kept. A norm, an activation, a
softmax or a sum is cheap: to compute it again takes about as long as to read it, and fewer pages of
memory are touched in a step.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import TypeVar

import jax
from flax import linen as nn
from jax import Array
from jax.ad_checkpoint import checkpoint_name

_KEPT = "kept"
_keep_all_but_kept = jax.checkpoint_policies.save_only_these_names(_KEPT)

# Read while a function is traced, which may be in another thread: a context variable.
_wanted = contextvars.ContextVar("keep_products_only", default=False)

# Options for XLA's CPU compiler, to be given wherever blocks are recomputed. It drops the barriers
# of `jax.checkpoint` early, and then merges what is computed again with the first computation:
# nothing would be saved.
KEEP_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander"}

BlockClass = TypeVar("BlockClass", bound=type[nn.Module])


@contextlib.contextmanager
def keep_products_only(wanted: bool = True) -> Iterator[None]:
    """Gradients traced inside keep only what blocks mark by `kept`; the values are the same."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def kept(x: Array) -> Array:
    """`x`, marked as too expensive to compute again."""
    # without the context no marker: programs that are exported or counted stay plain
    return checkpoint_name(x, _KEPT) if _wanted.get() else x


def maybe_remat(block: BlockClass, remat: bool) -> BlockClass:
    """`block`, computed again in the backward pass if `remat`: less memory for more time."""
    if remat:
        return nn.remat(block)
    if _wanted.get():
        return nn.remat(block, policy=_keep_all_but_kept)
    return block
