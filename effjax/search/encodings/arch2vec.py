"""The encoding "arch2vec": what a graph autoencoder has learned of points of the space.

It sees no accuracy. See `graph_autoencoder` for the network; here it is smaller than the authors'.

Shapes: n graphs, N nodes of each, W operations that the space has words for.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.search.encodings.graph_autoencoder import (
    DROPOUT,
    GraphAutoencoder,
    graph_code,
    loss,
    symmetric,
)
from effjax.search.encodings.graphs import GraphCodes
from effjax.search.registry import ENCODINGS, Codes
from effjax.search.space import Point, Space

POINTS = 512  # that it learns from, drawn evenly
STEPS = 600
BATCH = 32
HIDDEN = 64
LATENT = 8
HOPS = 5
RATE = 1e-3
CLIP = 5.0

Tree = Any
Graph = tuple[jax.Array, jax.Array]  # operations [n, N, W], symmetric adjacency [n, N, N]
Update = Callable[[Tree, Tree, int], tuple[Tree, Tree]]


@ENCODINGS.register("arch2vec", "codes of a graph autoencoder, arXiv:2006.06936")
def arch2vec(space: Space, rng: np.random.Generator) -> Codes:
    """Learns from points of the space; a code is the mean of its nodes' means."""
    graphs = GraphCodes(space)
    net = GraphAutoencoder(len(graphs.words), HIDDEN, LATENT, HOPS)
    points = [space.sample(rng) for _ in range(POINTS)]
    key = jax.random.key(int(rng.integers(2**31)))
    variables = _learn(net, _arrays(graphs, points), key)

    def codes(points: Sequence[Point]) -> np.ndarray:
        decoded = net.apply(variables, *_arrays(graphs, points))
        return np.asarray(graph_code(decoded.mu), np.float64)

    return codes


def _arrays(graphs: GraphCodes, points: Sequence[Point]) -> Graph:
    operations = jax.nn.one_hot(graphs.tokens(points), len(graphs.words))
    return operations, symmetric(jnp.asarray(graphs.adjacency(points), jnp.float32))


def _learn(net: GraphAutoencoder, examples: Graph, key: jax.Array) -> Tree:
    """The variables after `STEPS` random batches of the examples."""
    operations, adjacency = examples
    variables = net.init(key, operations[:1], adjacency[:1])
    tx = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(RATE))
    update = _make_update(net, tx, examples, key)
    state = tx.init(variables["params"])
    for number in range(STEPS):
        variables, state = update(variables, state, number)
    return variables


def _make_update(
    net: GraphAutoencoder, tx: optax.GradientTransformation, examples: Graph, key: jax.Array
) -> Update:
    """(variables, optimizer's state, number of the update) -> the first two, updated."""
    operations, adjacency = examples

    @jax.jit
    def update(variables: Tree, state: Tree, number: int) -> tuple[Tree, Tree]:
        rows_key, noise_key, keep_key = jax.random.split(jax.random.fold_in(key, number), 3)
        rows = jax.random.randint(rows_key, (BATCH,), 0, POINTS)
        shape = (BATCH, operations.shape[1], LATENT)
        noise = jax.random.normal(noise_key, shape)
        keep = jax.random.bernoulli(keep_key, 1 - DROPOUT, shape)
        graph = operations[rows], adjacency[rows]

        def of_params(params: Tree) -> tuple[jax.Array, Tree]:
            own = {**variables, "params": params}
            drawn = jnp.arange(BATCH), noise, keep
            decoded, changed = net.apply(own, *graph, *drawn, mutable=["batch_stats"])
            return loss(decoded, *graph), changed

        grads, changed = jax.grad(of_params, has_aux=True)(variables["params"])
        updates, state = tx.update(grads, state)
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, **changed}, state

    return update
