"""CATE: operations attend to what they lead to, https://arxiv.org/abs/2102.07108.

Two architectures of about the same cost go through one graph encoder, whose attention is the
transitive closure of the graph; a second encoder lets both see each other, and masked operations
are predicted. A graph's code is the state of its output node.

The authors' code gives PAD and MASK the numbers of the operations "input" and "conv1x1". Here they
come after the vocabulary; `Vocabulary(operations, pad=0, mask=1)` is theirs.

Shapes: B graphs, N positions, D width, V tokens.
"""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.models.blocks.layers import Linear
from effjax.models.blocks.norms import LayerNorm

FAR = -1e9  # the score of what is not attended to


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tokens: the operations 0, 1, ..., and two that are none.

    Attributes:
      operations: how many there are.
      pad: of positions after the last node; None: a number of its own.
      mask: of an operation that is to be predicted; None: a number of its own.
    """

    operations: int
    pad: int | None = None
    mask: int | None = None

    @property
    def padding(self) -> int:
        return self.operations if self.pad is None else self.pad

    @property
    def masked(self) -> int:
        return self.operations + 1 if self.mask is None else self.mask

    @property
    def size(self) -> int:
        return max(self.operations, self.padding + 1, self.masked + 1)


class Attention(nn.Module):
    """Heads of D / heads channels; linear layers 0, 1, 2 and 3 are query, key, value, output."""

    heads: int

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        *leading, width = x.shape
        split = (*leading, self.heads, width // self.heads)
        query, key, value = (Linear(width, name=f"linears_{n}")(x).reshape(split) for n in range(3))
        scores = jnp.einsum("bnhd,bmhd->bhnm", query, key) / np.sqrt(width // self.heads)
        # a row without anything to attend to is left with equal scores: it attends evenly
        scores = jnp.where(mask[:, None] > 0, scores, FAR)
        mixed = jnp.einsum("bhnm,bmhd->bnhd", nn.softmax(scores), value)
        return Linear(width, name="linears_3")(mixed.reshape(x.shape))


class Encoder(nn.Module):
    """Blocks of attention and a hidden layer, each after a norm and beside a skip."""

    layers: int
    heads: int
    hidden: int

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> Array:
        width = x.shape[-1]
        for layer in range(self.layers):
            place = f"layers_{layer}"
            entered = LayerNorm(1e-5, name=f"{place}_self_attn_norm")(x)
            x = x + Attention(self.heads, name=f"{place}_self_attn_attn")(entered, mask)
            y = LayerNorm(1e-5, name=f"{place}_feed_forward_norm")(x)
            y = nn.relu(Linear(self.hidden, name=f"{place}_feed_forward_w_1")(y))
            x = x + Linear(width, name=f"{place}_feed_forward_w_2")(y)
        # the blocks before have norms in the authors' code, which nothing uses
        return LayerNorm(1e-5, name=f"norms_{self.layers - 1}")(x)


class ComputationTransformer(nn.Module):
    """The graph encoder, and the encoder of pairs with its head."""

    tokens: int
    width: int = 64
    heads: int = 8
    graph_layers: int = 12
    graph_hidden: int = 128
    pair_layers: int = 24
    pair_hidden: int = 256

    def setup(self) -> None:
        draw = nn.initializers.normal(1.0)
        self.embedding = self.param("embedding", draw, (self.tokens, self.width))
        self.segments = self.param("segments", draw, (2, self.width))
        self.graph_encoder = Encoder(self.graph_layers, self.heads, self.graph_hidden)
        self.cross_attention = Encoder(self.pair_layers, self.heads, self.pair_hidden)
        self.layer_1 = Linear(self.width)
        self.layer_2 = Linear(self.tokens)

    def states(self, tokens: Array, closure: Array) -> Array:
        """[B, N, D] of tokens [B, N] that attend where `closure` [B, N, N] is 1."""
        embedded = self.embedding[tokens] * np.sqrt(self.width)
        return self.graph_encoder(embedded, closure)

    def __call__(
        self, first: tuple[Array, Array], second: tuple[Array, Array], together: Array
    ) -> Array:
        """Log-probabilities [B, 2 N, V] of the tokens of pairs.

        Args:
          first, second: (tokens [B, N], closure [B, N, N]).
          together: [B, 2 N, 2 N], 1 where both positions are nodes.
        """
        both = [self.states(*first), self.states(*second)]
        scale = np.sqrt(self.width)
        told = [
            state + scale * self.segments[None, number, None] for number, state in enumerate(both)
        ]
        joined = jnp.concatenate(told, axis=1)
        mixed = self.cross_attention(joined, together)
        return nn.log_softmax(self.layer_2(nn.tanh(self.layer_1(mixed))))


def transitive_closure(adjacency: np.ndarray) -> np.ndarray:
    """[N, N] of 0 and 1: which nodes can be reached, without self loops (Floyd-Warshall)."""
    reached = np.asarray(adjacency) > 0
    for node in range(len(reached)):
        reached = reached | (reached[:, node, None] & reached[None, node])
    return reached.astype(int)


def smoothed_loss(
    log_probabilities: Array, labels: Array, padding: int, smoothing: float = 0.1
) -> tuple[Array, Array]:
    """(the divergence from smoothed targets per predicted token, their number).

    Args:
      log_probabilities: [B, N, V].
      labels: [B, N]; `padding` where nothing is predicted.
    """
    tokens = log_probabilities.shape[-1]
    is_label = nn.one_hot(labels, tokens, dtype=log_probabilities.dtype)
    targets = jnp.where(is_label > 0, 1 - smoothing, smoothing / (tokens - 2))
    targets = targets.at[..., padding].set(0.0)
    # 0 ln 0 is 0
    entropy = targets * jnp.log(jnp.where(targets > 0, targets, 1.0))
    terms = entropy - targets * log_probabilities
    counted = labels != padding
    total = (terms.sum(-1) * counted).sum()
    count = counted.sum()
    return total / jnp.maximum(count, 1), count


def corrupt(
    tokens: Sequence[int], uniform: Sequence[float], vocabulary: Vocabulary, rate: float = 0.2
) -> tuple[list[int], list[int], int]:
    """Tokens of which some are hidden: (tokens, labels, how many uniform numbers were used).

    Of the hidden ones eight in ten become MASK, the others any operation.

    Args:
      uniform: numbers in [0, 1), taken one after another.
    """
    given = iter(uniform)
    used = 0
    shown: list[int] = []
    labels: list[int] = []
    for token in tokens:
        used += 1
        if next(given) >= rate:
            shown.append(token)
            labels.append(vocabulary.padding)
            continue
        labels.append(token)
        used += 1
        if next(given) < 0.8:
            shown.append(vocabulary.masked)
        else:
            used += 1
            shown.append(int(next(given) * vocabulary.operations))
    return shown, labels, used


def similar_pairs(costs: np.ndarray, count: int, distance: float) -> list[tuple[int, int]]:
    """(an architecture, one of less cost) for up to `count` that are within `distance`.

    The least costly within reach come first.
    """
    order = np.argsort(costs, kind="stable")
    ascending = np.asarray(costs)[order]
    pairs = []
    for place, one in enumerate(order):
        start = int(np.searchsorted(ascending, ascending[place] - distance))
        for other in order[start : min(start + count, place)]:
            pairs.append((int(one), int(other)))
    return pairs
