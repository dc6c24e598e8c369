"""Mugs' local groups: an image and its nearest neighbours in a memory, through one block.

Shapes: B batch, N tokens, C channels, n neighbours.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from effjax.models.blocks.norms import LayerNorm
from effjax.models.families.vit import PREFIX, Block, ViTArchitecture
from effjax.tasks.pretraining.self_distillation.memory import nearest

LAST_STAGE = "stage4"  # the tokens after the last block, before the norm


def related(
    architecture: ViTArchitecture,
    block: Any,
    norm: Any,
    features: dict[str, Array],
    memory: Array,
    count: int,
) -> Array:
    """[B, C]: the mean of an image's tokens after it has met its neighbours.

    Args:
      block: parameters of the block for the mean and its neighbours.
      norm: parameters of the encoder's last norm, which serves here too.
      features: of the encoder.
      memory: [Q, C].
      count: n.
    """
    mean = features[LAST_STAGE].mean(1)  # the class token counts like a patch
    _, neighbours = nearest(mean, memory.astype(mean.dtype), count)
    group = jnp.concatenate([mean[:, None], neighbours], axis=1)  # [B, 1 + n, C]
    met = Block(architecture, 0.0).apply({"params": block}, group, None)
    return LayerNorm().apply({"params": norm}, met[:, 0])


def mean_patch(features: dict[str, Array]) -> Array:
    """[B, C]: what the memory holds of an image, the mean of its patches after the norm."""
    return features["tokens"][:, PREFIX:].mean(1)
