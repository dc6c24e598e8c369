"""ZiCo: how steady gradients are from batch to batch (https://arxiv.org/abs/2301.11300)."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from effjax.errors import UserError
from effjax.search.proxies.network import Apply, Batch, Variables
from effjax.search.proxies.saliency import gradient
from effjax.search.proxies.weights import by_layer


def zico(apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True) -> Array:
    """Sum over layers of ln sum_w mean_b abs(g) / std_b(g), b the batches.

    The deviation is the biased one. A weight whose deviation is 0 is left out, and so is a layer
    without any other; of equal batches the score is 0. The number of batches is part of the score:
    more of them lower it.

    Raises:
      UserError: fewer than two batches.
    """
    if len(batches) < 2:
        raise UserError(
            f"zico compares the gradients of batches and got {len(batches)}; hand two or more over"
        )
    found = []
    for batch in batches:
        found.append(by_layer(gradient(apply, variables, [batch], train)))
    score = jnp.zeros(())
    for name in found[0]:
        of_layer = _ratio_sum(jnp.stack([grads[name] for grads in found]))
        # a layer with the sum 0 adds ln 1
        score += jnp.log(jnp.where(of_layer > 0, of_layer, 1.0))
    return score


def _ratio_sum(grads: Array) -> Array:
    """sum_w mean_b abs(g) / std_b(g) of gradients [b, ...]."""
    mean = jnp.abs(grads).mean(0)
    deviation = grads.std(0)
    moves = deviation > 0
    # the divisor is replaced where it is 0, since `where` computes both sides
    ratio = mean / jnp.where(moves, deviation, 1.0)
    return jnp.where(moves, ratio, 0.0).sum()
