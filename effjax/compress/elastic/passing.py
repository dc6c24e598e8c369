"""A large network that is applied with the norms and the depth of a smaller one.

Shapes: N channels of a norm.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from effjax.compress.elastic.norms import norm_of_active
from effjax.models.blocks.norms import LayerNorm
from effjax.ops import images_apart


@contextlib.contextmanager
def norms_and_blocks(
    norms: Mapping[str, Any],
    blocks: Mapping[str, Any],
) -> Iterator[None]:
    """Inside, norms look at the channels that there are, and missing blocks are passed by.

    Args:
      norms: {path of a norm: bool [N], its channels}.
      blocks: {path of a block that may be missing: bool, whether it is there}.
    """

    def pass_by(
        call: Any,
        args: tuple,
        kwargs: dict,
        context: Any,
    ) -> Any:
        path = "/".join(context.module.path)
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        if isinstance(context.module, LayerNorm) and path in norms:
            return norm_of_active(context.module, args[0], norms[path])
        y = call(*args, **kwargs)
        if path in blocks:
            y = jnp.where(blocks[path], y, args[0])
        return y

    with nn.intercept_methods(pass_by), images_apart():
        yield
