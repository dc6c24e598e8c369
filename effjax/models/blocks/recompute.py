"""What blocks keep for the backward pass, and what they compute again there.

A product of matrices or a convolution is expensive to compute and kept. A norm, an activation, a
softmax or a sum is cheap: to compute it again takes about as long as to read it, and fewer pages of
memory are touched in a step.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flax import linen as nn

from effjax.ops.kept import keeps_products_only, save_only_kept

# Options for XLA's CPU compiler, to be given wherever blocks are recomputed. It drops the barriers
# of `jax.checkpoint` early, and then merges what is computed again with the first computation:
# nothing would be saved.
KEEP_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander"}

# a class of modules, or a method of one, which is then called as method(module, ...)
Block = TypeVar("Block", bound=type[nn.Module] | Callable[..., Any])


def maybe_remat(block: Block, remat: bool) -> Block:
    """`block`, computed again in the backward pass if `remat`: less memory for more time."""
    if remat:
        return nn.remat(block)
    if keeps_products_only():
        return nn.remat(block, policy=save_only_kept)
    return block
