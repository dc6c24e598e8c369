"""Writes architectures option by option, on two levels.

A recurrent network reads what is wanted and the macro choices. For each stage or cell a second one
starts from its state and writes what is inside; the first one then reads what came of it. The model
is ours: no code is published for one over spaces of this kind.

Shapes: B architectures, C conditions, D choices, K options of a choice, W width.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.search.generator.order import Order

# (place, logits [B, K]) -> options [B]
Pick = Callable[[int, Array], Array]


class Writer(nn.Module):
    """P(architecture | conditions), as a product over its choices.

    Attributes:
      order: of the choices.
      options: K of each choice.
      width: W of both levels.
    """

    order: Order
    options: tuple[int, ...]
    width: int = 32

    def setup(self) -> None:
        self.wanted = nn.Dense(self.width)
        self.enter = nn.Dense(self.width)
        self.network_cell = nn.GRUCell(self.width)
        self.part_cell = nn.GRUCell(self.width)
        self.heads = [nn.Dense(count) for count in self.options]
        self.embeddings = [nn.Embed(count, self.width) for count in self.options]

    def __call__(self, conditions: Array, pick: Pick) -> tuple[Array, Array]:
        """(points [B, D], the logarithms of their probabilities [B]).

        Args:
          conditions: [B, C].
          pick: chooses each option; see `given` and `drawn`.
        """
        chosen: dict[int, Array] = {}
        terms: list[Array] = []

        def write(
            cell: nn.Module,
            state: Array,
            place: int,
        ) -> Array:
            logits = self.heads[place](state)
            index = pick(place, logits)
            chosen[place] = index
            log_probabilities = nn.log_softmax(logits)
            own = jnp.take_along_axis(log_probabilities, index[:, None], axis=1)
            terms.append(own[:, 0])
            written = self.embeddings[place](index)
            state, _ = cell(state, written)
            return state

        network = nn.tanh(self.wanted(conditions))
        for place in self.order.macro:
            network = write(self.network_cell, network, place)
        for part in self.order.parts:
            inside = nn.tanh(self.enter(network))
            for place in part:
                inside = write(self.part_cell, inside, place)
            network, _ = self.network_cell(network, inside)
        points = jnp.stack([chosen[place] for place in range(len(self.options))], axis=1)
        return points, sum(terms)


def given(points: Array) -> Pick:
    """The options of known points [B, D]."""
    return lambda place, logits: points[:, place]


def drawn(key: Array, even: float = 0.0) -> Pick:
    """Options drawn by their probabilities; a share of the draws is even."""

    def pick(place: int, logits: Array) -> Array:
        mixed = (1 - even) * nn.softmax(logits) + even / logits.shape[-1]
        own_key = jax.random.fold_in(key, place)
        return jax.random.categorical(own_key, jnp.log(mixed))

    return pick
