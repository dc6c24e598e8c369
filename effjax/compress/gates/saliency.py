"""Where a network looks, in three numbers an image: the centre and the width of a bell.

ISP (Ganjdanesh, Gao and Huang, ECCV 2022, https://arxiv.org/abs/2209.02869) steers pruning by
them: a head explains the original, and the network under gates has to give the same explanations.

    bells = explain(head, maps)            # [B, 3]: x, y, sigma, in sides of the image
    seen = images * bell_map(bells, H, W)[..., None]

A good bell is small and keeps what the network says:

    explanation loss = KL(original on the image || original on what is seen) + sparsity mean(bell)

Ours: the centre is the mean place under a softmax over a map of evidence, where ISP's decoder gives
it by dense layers; the bell itself masks, where ISP draws a mask from it. Its second penalty, of
masks that are not smooth, has no work on bells.

Shapes: B batch, H W image, h w first map, C channels.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

SPARSITY = 1.0  # nats for a mask that covers the whole image
LEAST_WIDTH = 0.05  # of sigma: a bell is never smaller than a pixel or two
FIRST_WIDTH = 0.5  # of sigma before anything is learned: most of the image


class Explainer(nn.Module):
    """Maps of all stages [B, h, w, C] -> bells [B, 3]: x and y in [0, 1], sigma above 0."""

    @nn.compact
    def __call__(self, maps: Sequence[jax.Array]) -> jax.Array:
        batch, height, width, _ = maps[0].shape
        evidence = jnp.zeros((batch, height, width, 1))
        spread = jnp.zeros((batch, 1))
        for number, found in enumerate(maps):
            # over the whole map: where it is large has to be seen
            norm = nn.LayerNorm(reduction_axes=(1, 2, 3), name=f"norm{number}")
            found = norm(found.astype(jnp.float32))
            of_stage = nn.Dense(1, name=f"evidence{number}")(found)
            evidence += jax.image.resize(of_stage, evidence.shape, "linear")
            spread += nn.Dense(1, name=f"spread{number}")(found.mean((1, 2)))
        share = jax.nn.softmax(evidence.reshape(batch, -1)).reshape(batch, height, width)
        x = share.sum(1) @ _places(width)
        y = share.sum(2) @ _places(height)
        # softplus of this offset is the first width
        offset = jnp.log(jnp.expm1(FIRST_WIDTH))
        sigma = LEAST_WIDTH + jax.nn.softplus(spread[:, 0] + offset)
        return jnp.stack([x, y, sigma], -1)


def explain(
    head: Any,
    maps: Sequence[jax.Array],
) -> jax.Array:
    """Bells [B, 3] of the maps of a network, by the parameters of an `Explainer`."""
    return Explainer().apply({"params": head}, maps)


def _places(count: int) -> jax.Array:
    """[count]: the middles of the cells of a side, in [0, 1]."""
    return (jnp.arange(count) + 0.5) / count


def bell_map(
    bells: jax.Array,
    height: int,
    width: int,
) -> jax.Array:
    """[B, H, W]: exp(-distance^2 / (2 sigma^2)) of each bell [B, 3], 1 at its centre."""
    x, y, sigma = (bells[:, place, None, None] for place in range(3))
    across = _places(width)[None, None, :] - x
    down = _places(height)[None, :, None] - y
    return jnp.exp(-(across**2 + down**2) / (2 * sigma**2))


def explanation_loss(
    whole: jax.Array,
    seen: jax.Array,
    mask: jax.Array,
    sparsity: float = SPARSITY,
) -> jax.Array:
    """[B]: how much is lost under a mask, and how much of the image it covers.

    Args:
      whole, seen: logits [B, K] of the image, and of what the mask leaves of it.
      mask: [B, H, W].
    """
    expected = jax.nn.log_softmax(whole)
    found = jax.nn.log_softmax(seen)
    lost = (jnp.exp(expected) * (expected - found)).sum(-1)
    return lost + sparsity * mask.mean((1, 2))


def apart(
    bells: jax.Array,
    others: jax.Array,
) -> jax.Array:
    """[B]: the mean squared distance of two explanations [B, 3]."""
    return jnp.square(bells - others).mean(-1)
