"""Networks that say how open each channel is: a GRU over fixed tokens, one token a group.

ISP: Ganjdanesh, Gao and Huang, ECCV 2022, https://arxiv.org/abs/2209.02869.
DDNP: Gao et al., "Disentangled Differentiable Network Pruning", ECCV 2022.

Shapes: G groups, N channels of a group.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.compress.generators.gates import soft_gates
from effjax.search.kernel_sizes.predictors import orthogonal_tokens

OPEN = 3.0  # added to logits, so that all gates begin open
TEMPERATURE = 0.4
NO_NOISE = math.exp(-1)  # a draw whose Gumbel noise is 0


class Encoder(nn.Module):
    """A bidirectional GRU over fixed orthogonal tokens, then a norm: [G, 2 * width].

    Attributes:
      count: G.
      width: of the GRU, per direction.
    """

    count: int
    width: int = 128

    def setup(self) -> None:
        self.ahead = nn.RNN(nn.GRUCell(self.width))
        self.back = nn.RNN(nn.GRUCell(self.width))
        self.norm = nn.LayerNorm(epsilon=1e-5)

    def states(self, tokens: jax.Array) -> jax.Array:
        """The states of both directions, [G, 2 * width]."""
        start = jnp.zeros(self.width, tokens.dtype)
        ahead = self.ahead(tokens, initial_carry=start)
        back = self.back(tokens[::-1], initial_carry=start)[::-1]
        return jnp.concatenate([ahead, back], -1)

    def __call__(self, tokens: jax.Array | None = None) -> jax.Array:
        if tokens is None:
            tokens = jnp.asarray(orthogonal_tokens(self.count))  # [G, 64]
        return jax.nn.relu(self.norm(self.states(tokens)))


class ChannelLogits(nn.Module):
    """A logit for each channel of each group; the heads have no bias.

    Attributes:
      sizes: N of each group.
      normalised: whether direction and gain of a head's rows are learned apart (weight norm).
    """

    sizes: tuple[int, ...]
    normalised: bool = True

    @nn.compact
    def __call__(self, tokens: jax.Array | None = None) -> list[jax.Array]:
        """Logits [N] of each group."""
        hidden = Encoder(len(self.sizes), name="encoder")(tokens)
        init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform", in_axis=1, out_axis=0)
        logits = []
        for number, size in enumerate(self.sizes):
            rows = self.param(f"head_{number}", init, (size, hidden.shape[-1]))
            if self.normalised:
                norms = jnp.linalg.norm(rows, axis=-1)
                # the gains begin as the norms, so that the head begins as it was drawn
                gains = self.param(f"gain_{number}", lambda _, of=norms: jnp.asarray(of))
                rows = rows * (gains / norms)[:, None]
            logits.append(rows @ hidden[number])
        return logits


class GroupSizes(nn.Module):
    """The share of channels that each group keeps, [G] in (0, 1); near 1 at the start.

    Attributes:
      count: G.
    """

    count: int

    @nn.compact
    def __call__(self, inputs: jax.Array | None = None) -> jax.Array:
        if inputs is None:
            inputs = jnp.asarray(np.random.default_rng(0).normal(size=self.count), jnp.float32)
        init = nn.initializers.orthogonal()
        weight = self.param("weight", init, (self.count, self.count))
        return jax.nn.sigmoid(weight @ inputs + OPEN)


def channel_gates(
    logits: jax.Array,
    uniform: jax.Array | float = NO_NOISE,
) -> jax.Array:
    """[N] in (0, 1): sigmoid((logit + Gumbel + 3) / 0.4)."""
    return soft_gates(logits, jnp.asarray(uniform), TEMPERATURE, OPEN)


def in_order(
    mask: jax.Array,
    importance: jax.Array,
) -> jax.Array:
    """A mask [N] that falls from left to right, dealt out to the most important channels first."""
    ranks = jnp.argsort(jnp.argsort(-importance))
    return mask[ranks]


def relative_importance(
    logits: jax.Array,
    norms: jax.Array,
) -> jax.Array:
    """[N]: sigmoid(logit) times the norm of the channel's weights, as a share of the largest."""
    return jax.nn.sigmoid(logits) * norms / jnp.max(norms)
