"""The encoding "cate": what a transformer of computations has learned of similar architectures.

Pairs are similar in parameters, counted option by option: an architecture's count is taken to be
the base's and what each option adds to it. See `computation_transformer` for the network; here it
is smaller than the authors', and PAD and MASK are tokens of their own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.models.registry import abstract_variables
from effjax.search.encodings.computation_transformer import (
    ComputationTransformer,
    Vocabulary,
    corrupt,
    similar_pairs,
    smoothed_loss,
    transitive_closure,
)
from effjax.search.encodings.graphs import GraphCodes
from effjax.search.registry import ENCODINGS, Codes
from effjax.search.space import Point, Space

POINTS = 512  # that it learns from, drawn evenly
STEPS = 300
BATCH = 64
WIDTH = 32
LAYERS = 2
HEADS = 4
HIDDEN = 64
PARTNERS = 2  # for each architecture
REACH = 0.1  # of the spread of costs: how far partners may be apart
RATE = 1e-3

Tree = Any
Side = tuple[jax.Array, jax.Array]  # tokens and closures


@ENCODINGS.register("cate", "states of a computation-aware transformer, arXiv:2102.07108")
def cate(space: Space, rng: np.random.Generator) -> Codes:
    """Learns to name hidden operations of pairs; a code is the state of the output node."""
    graphs = GraphCodes(space)
    vocabulary = Vocabulary(len(graphs.words))
    net = ComputationTransformer(vocabulary.size, WIDTH, HEADS, LAYERS, HIDDEN, LAYERS, HIDDEN)
    points = [space.sample(rng) for _ in range(POINTS)]
    costs = additive_costs(space, points)
    reach = REACH * float(np.ptp(costs))
    pairs = np.array(similar_pairs(costs, PARTNERS, reach))
    tokens = graphs.tokens(points)
    closures = _closures(graphs, points)
    key = jax.random.key(int(rng.integers(2**31)))
    both = jnp.ones((1, 2 * tokens.shape[1], 2 * tokens.shape[1]))
    one = (jnp.asarray(tokens[:1]), jnp.asarray(closures[:1]))
    params = net.init(key, one, one, both)["params"]
    tx = optax.adamw(optax.linear_schedule(0.0, RATE, STEPS // 5), weight_decay=0.01)

    @jax.jit
    def step(
        params: Tree, state: Tree, first: Side, second: Side, labels: jax.Array
    ) -> tuple[Tree, Tree]:
        def of_params(params: Tree) -> jax.Array:
            together = jnp.broadcast_to(both, (BATCH, *both.shape[1:]))
            said = net.apply({"params": params}, first, second, together)
            return smoothed_loss(said, labels, vocabulary.padding)[0]

        grads = jax.grad(of_params)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state = tx.init(params)
    for _ in range(STEPS):
        rows = pairs[rng.integers(len(pairs), size=BATCH)]
        sides = []
        labels = []
        for side in range(2):
            hidden = [_hidden(tokens[row], vocabulary, rng) for row in rows[:, side]]
            shown = jnp.asarray([shown for shown, _ in hidden])
            sides.append((shown, jnp.asarray(closures[rows[:, side]])))
            labels.append(jnp.asarray([label for _, label in hidden]))
        params, state = step(params, state, *sides, jnp.concatenate(labels, axis=1))

    def codes(points: Sequence[Point]) -> np.ndarray:
        seen = (jnp.asarray(graphs.tokens(points)), jnp.asarray(_closures(graphs, points)))
        states = net.apply({"params": params}, *seen, method="states")
        # the mean of all nodes beside the output's: an output attends to nothing
        return np.asarray(jnp.concatenate([states[:, -1], states.mean(1)], -1), np.float64)

    return codes


def _hidden(
    row: np.ndarray, vocabulary: Vocabulary, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    shown, labels, _ = corrupt(row.tolist(), rng.random(3 * len(row)), vocabulary)
    return shown, labels


def _closures(graphs: GraphCodes, points: Sequence[Point]) -> np.ndarray:
    """[n, N, N]: what each node leads to, and itself, so that no row is empty."""
    found = [transitive_closure(adjacency) for adjacency in graphs.adjacency(points)]
    return np.stack(found) + np.eye(len(found[0]), dtype=int)


def additive_costs(space: Space, points: Sequence[Point]) -> np.ndarray:
    """Parameters of points [n], as if each option added its own number to those of the first.

    One network is counted for each option that stands for other operations.
    """
    words = GraphCodes(space)
    # not canonical ones: an option that idles in the base still has its parameters
    base = (0,) * len(space.choices)
    known: dict[tuple, float] = {}
    start = _parameters(space, base)

    def added(place: int, index: int) -> float:
        changed = (*base[:place], index, *base[place + 1 :])
        root = space.choices[place].path.partition(".")[0]
        names = tuple(sorted(words.tokens([changed])[0].tolist()))
        key = (root, names)
        if key not in known:
            known[key] = _parameters(space, changed) - start
        return known[key]

    totals = []
    for point in points:
        totals.append(start + sum(added(place, index) for place, index in enumerate(point)))
    return np.array(totals)


def _parameters(space: Space, point: Point) -> float:
    shapes = abstract_variables(space.model(point, 10))["params"]
    return float(sum(leaf.size for leaf in jax.tree.leaves(shapes)))
