"""The gates of PR-DARTS and what it asks of them: https://arxiv.org/abs/2006.16537.

    z = sigmoid((alpha + ln u - ln(1 - u)) / tau),  u uniform in (0, 1)
    p = clip((b - a) z + a, 0, 1),  a = -0.1, b = 1.1        the gate
    h = the k largest of p of an edge                        the operations that run
    q = P(p > 0) = sigmoid(alpha - tau ln(-a / b))           the gate's probability to be open

The loss of alpha has, beside the cross-entropy of held-out images,

    l1 relu(S - c) + l2 (relu(N - c) + relu(P - c)) - l3 D

with the mean q of the selected skips S, convolutions (and zeros) N and pools P, and D the product
of the mean q of the selected convolutions along the longest chain of a cell.

The paper has two groups, skips and the rest; pools as a third, and the margin c, are in the
authors' code alone (https://github.com/salesforce/PR-DARTS).

Shapes: E edges of a cell, O operations.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.families.darts import INPUTS
from effjax.ranges import NotNegative, Share
from effjax.search.cells.supernet import CellSpace

STRETCH = (-0.1, 1.1)  # (a, b)
Gates = Mapping[str, jax.Array]  # {"normal": [E, O], "reduce": [E, O]}


@dataclasses.dataclass(frozen=True)
class Penalty:
    """The factors of the regulariser; the defaults are those of the authors' command line.

    Attributes:
      skip, other, chain: l1, l2 and l3.
      margin: c.
    """

    skip: NotNegative = 0.01
    other: NotNegative = 0.005
    chain: NotNegative = 0.005
    margin: Share = 0.2


def gate(alpha: jax.Array, uniform: jax.Array, tau: jax.Array | float) -> jax.Array:
    """p, in [0, 1], for logits and uniform numbers of one shape."""
    low, high = STRETCH
    logistic = jnp.log(uniform) - jnp.log1p(-uniform)
    z = jax.nn.sigmoid((alpha + logistic) / tau)
    return jnp.clip((high - low) * z + low, 0.0, 1.0)


def open_probability(alpha: jax.Array, tau: jax.Array | float) -> jax.Array:
    """q = P(p > 0)."""
    low, high = STRETCH
    return jax.nn.sigmoid(alpha - tau * math.log(-low / high))


def select(
    gates: jax.Array, count: int, dropped: jax.Array | None = None, key: jax.Array | None = None
) -> jax.Array:
    """The `count` largest gates of every edge: [E, O], 1 where one is selected.

    Args:
      gates: p [E, O].
      dropped: [E, O], 1 takes a gate behind all that are not dropped.
      key: at small tau many gates are 0 or 1; of equal ones the key chooses, None the first.
    """
    # gates lie between 0 and 1, so one less goes behind the others
    values = gates if dropped is None else gates - dropped
    values = jax.lax.stop_gradient(values)
    turn = jnp.broadcast_to(jnp.arange(gates.shape[-1]), gates.shape)
    if key is not None:
        turn = jax.random.permutation(key, turn, axis=-1, independent=True)
    # [E, O, O]: whether the gate of the last axis comes before that of the one before
    is_larger = values[..., None, :] > values[..., :, None]
    is_equal = values[..., None, :] == values[..., :, None]
    has_earlier_turn = turn[..., None, :] < turn[..., :, None]
    is_before = is_larger | (is_equal & has_earlier_turn)
    rank = is_before.sum(-1)
    return (rank < count).astype(gates.dtype)


def straight_through(gates: jax.Array, selected: jax.Array) -> jax.Array:
    """Operation weights [E, O]: 1 where selected, else 0, with the gradient of p where selected."""
    through = 1.0 - jax.lax.stop_gradient(gates) + gates
    # not selected * 0 + p: an operation that does not run has no say, so it gets no gradient
    return jnp.where(selected > 0, through, 0.0)


def regulariser(
    alphas: Gates,
    selected: Gates,
    tau: jax.Array | float,
    penalty: Penalty,
    space: CellSpace,
) -> jax.Array:
    """What alpha pays for open gates of each group, less what it is paid for a deep chain."""
    groups = _groups(space)
    chain_edges = _chain(space)
    means = dict.fromkeys(groups, 0.0)
    depth = 0.0
    for name, alpha in alphas.items():
        probability = open_probability(alpha, tau)
        chosen = selected[name].astype(probability.dtype)
        # each number is the mean over both cells
        for group, members in groups.items():
            means[group] += 0.5 * mean_of_chosen(probability, chosen * members[None])
        convolutions = chosen * _members(space, _is_convolution)[None]
        depth += 0.5 * chain_probability(probability[chain_edges], convolutions[chain_edges])
    return price(means["skip"], (means["conv"], means["pool"]), depth, penalty)


def price(
    skips: jax.Array, others: Sequence[jax.Array], depth: jax.Array, penalty: Penalty
) -> jax.Array:
    """The regulariser of the mean q of skips, of every other group, and of D."""
    of_skips = jax.nn.relu(skips - penalty.margin)
    of_others = sum(jax.nn.relu(mean - penalty.margin) for mean in others)
    return penalty.skip * of_skips + penalty.other * of_others - penalty.chain * depth


def mean_of_chosen(values: jax.Array, chosen: jax.Array) -> jax.Array:
    """The mean of the chosen values, 0 if none is."""
    return (values * chosen).sum() / jnp.maximum(chosen.sum(), 1.0)


def chain_probability(probability: jax.Array, chosen: jax.Array) -> jax.Array:
    """The product over edges of the mean of the chosen; an edge without any is left out.

    0 if no edge has one.
    """
    counts = chosen.sum(-1)
    means = (probability * chosen).sum(-1) / jnp.maximum(counts, 1.0)
    product = jnp.where(counts > 0, means, 1.0).prod()
    return jnp.where((counts > 0).any(), product, 0.0)


def _groups(space: CellSpace) -> dict[str, np.ndarray]:
    """{group: [O], 1 for its operations}; zeros stand with the convolutions, as in the code."""
    return {
        "skip": _members(space, lambda name: name == "skip_connect"),
        "pool": _members(space, lambda name: "pool" in name),
        "conv": _members(space, lambda name: _is_convolution(name) or name == "none"),
    }


def _is_convolution(name: str) -> bool:
    return "conv" in name


def _members(space: CellSpace, belongs: Callable[[str], bool]) -> np.ndarray:
    """[O]: 1 for the operations that belong, else 0."""
    return np.array([float(belongs(name)) for name in space.operations])


def _chain(space: CellSpace) -> np.ndarray:
    """The rows of the longest chain: the second input, then node after node."""
    rows = []
    for node in range(INPUTS, INPUTS + space.nodes):
        rows.append(space.edges.index((node - 1, node)))
    return np.array(rows)


def temperature(start: float, end: float, done: jax.Array) -> jax.Array:
    """tau, on a straight line in the share of the search that is done."""
    return start + (end - start) * jnp.clip(done, 0.0, 1.0)
