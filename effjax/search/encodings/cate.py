"""The encoding "cate": what a transformer of computations has learned of similar architectures.

Pairs are similar in parameters, counted option by option: an architecture's count is taken to be
the base's and what each option adds to it. See `computation_transformer` for the network; here it
is smaller than the authors', and PAD and MASK are tokens of their own.

Shapes: A architectures, P pairs of them, B batch, N nodes of a graph.
"""

import dataclasses
from collections.abc import Callable, Sequence
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
Side = tuple[jax.Array, jax.Array]  # tokens [B, N] and closures [B, N, N]
Update = Callable[[Tree, Tree, Side, Side, jax.Array], tuple[Tree, Tree]]


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The architectures that it learns from.

    Attributes:
      tokens: [A, N], the operations of each.
      closures: [A, N, N], see `_closures`.
      pairs: [P, 2], rows of architectures that cost about as much.
    """

    tokens: np.ndarray
    closures: np.ndarray
    pairs: np.ndarray


@ENCODINGS.register("cate", "states of a computation-aware transformer, arXiv:2102.07108")
def cate(space: Space, rng: np.random.Generator) -> Codes:
    """Learns to name hidden operations of pairs; a code is the state of the output node."""
    graphs = GraphCodes(space)
    vocabulary = Vocabulary(len(graphs.words))
    net = ComputationTransformer(vocabulary.size, WIDTH, HEADS, LAYERS, HIDDEN, LAYERS, HIDDEN)
    corpus = _draw_corpus(space, graphs, rng)
    params = _learn(net, vocabulary, corpus, rng)

    def codes(points: Sequence[Point]) -> np.ndarray:
        side = (jnp.asarray(graphs.tokens(points)), jnp.asarray(_closures(graphs, points)))
        states = net.apply({"params": params}, *side, method="states")
        # the mean of all nodes beside the output's: an output attends to nothing
        return np.asarray(jnp.concatenate([states[:, -1], states.mean(1)], -1), np.float64)

    return codes


def _draw_corpus(space: Space, graphs: GraphCodes, rng: np.random.Generator) -> Corpus:
    points = [space.sample(rng) for _ in range(POINTS)]
    costs = additive_costs(space, points)
    pairs = similar_pairs(costs, PARTNERS, REACH * float(np.ptp(costs)))
    return Corpus(graphs.tokens(points), _closures(graphs, points), np.array(pairs))


def _learn(
    net: ComputationTransformer, vocabulary: Vocabulary, corpus: Corpus, rng: np.random.Generator
) -> Tree:
    """The parameters after `STEPS` batches of pairs with hidden operations."""
    key = jax.random.key(int(rng.integers(2**31)))
    length = 2 * corpus.tokens.shape[1]  # of a pair, one graph behind the other
    both = jnp.ones((1, length, length))
    first = (jnp.asarray(corpus.tokens[:1]), jnp.asarray(corpus.closures[:1]))
    params = net.init(key, first, first, both)["params"]
    tx = optax.adamw(optax.linear_schedule(0.0, RATE, STEPS // 5), weight_decay=0.01)
    update = _make_update(net, tx, vocabulary.padding, length)
    state = tx.init(params)
    for _ in range(STEPS):
        params, state = update(params, state, *_batch(corpus, vocabulary, rng))
    return params


def _make_update(
    net: ComputationTransformer, tx: optax.GradientTransformation, padding: int, length: int
) -> Update:
    """(parameters, optimizer's state, two sides, labels [B, 2 N]) -> the first two, updated."""

    @jax.jit
    def update(
        params: Tree, state: Tree, first: Side, second: Side, labels: jax.Array
    ) -> tuple[Tree, Tree]:
        def of_params(params: Tree) -> jax.Array:
            # all nodes of a pair see each other
            together = jnp.ones((BATCH, length, length))
            logits = net.apply({"params": params}, first, second, together)
            return smoothed_loss(logits, labels, padding)[0]

        grads = jax.grad(of_params)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return update


def _batch(
    corpus: Corpus, vocabulary: Vocabulary, rng: np.random.Generator
) -> tuple[Side, Side, jax.Array]:
    """Pairs with hidden operations: both sides, and what is hidden [B, 2 N]."""
    chosen = corpus.pairs[rng.integers(len(corpus.pairs), size=BATCH)]
    sides = []
    labels = []
    for rows in chosen.T:
        hidden = [_hidden(corpus.tokens[row], vocabulary, rng) for row in rows]
        shown = jnp.asarray([shown for shown, _ in hidden])
        sides.append((shown, jnp.asarray(corpus.closures[rows])))
        labels.append(jnp.asarray([label for _, label in hidden]))
    first, second = sides
    return first, second, jnp.concatenate(labels, axis=1)


def _hidden(
    row: np.ndarray, vocabulary: Vocabulary, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """The row as it is shown, and the labels of what was hidden in it."""
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
