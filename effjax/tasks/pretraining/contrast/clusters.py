"""Prototypes: k-means on the device, how tight a cluster is, and the loss against prototypes.

PCL: Li et al. 2021, arXiv:2005.04966.

Shapes: N examples, k clusters, D features, b queries, B examples of the whole batch, r negatives.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

CHUNK = 4096  # examples whose distances are in memory at a time
SMOOTH = 10  # alpha of the concentration: small clusters do not get a tiny one
LEAST = 1e-3  # of a concentration, as a share of their mean: nothing is divided by 0
CLIPPED = (10.0, 90.0)  # percentiles of the concentrations


class Clusters(NamedTuple):
    """Centroids [k, D], the cluster of each example int32 [N], and the summed squared distance."""

    centroids: Array
    assigned: Array
    cost: Array


def k_means(key: Array, x: Array, count: int, iterations: int = 20, restarts: int = 5) -> Clusters:
    """The best of `restarts` runs of Lloyd's algorithm, each from k-means++.

    k-means++: Arthur and Vassilvitskii 2007. An empty cluster moves to one of the examples that are
    farthest from their centroids.

    Args:
      x: [N, D], N at least `count`.
      count: k.
    """

    def once(key: Array) -> Clusters:
        start = _plus_plus(key, x, count)
        centroids = jax.lax.fori_loop(0, iterations, lambda _, c: _improved(x, c), start)
        assigned, squares = nearest(x, centroids)
        return Clusters(centroids, assigned, squares.sum())

    # one after the other: together they would need `restarts` times the memory
    every = jax.lax.map(once, jax.random.split(key, restarts))
    best = jnp.argmin(every.cost)
    return jax.tree.map(lambda leaf: leaf[best], every)


def nearest(x: Array, centroids: Array) -> tuple[Array, Array]:
    """(the nearest centroid int32 [N], its squared distance [N]) of each example."""
    half_squares = jnp.square(centroids).sum(-1) / 2

    def of_example(row: Array) -> tuple[Array, Array]:
        closeness = centroids @ row - half_squares  # [k]
        found = jnp.argmax(closeness).astype(jnp.int32)
        return found, jnp.square(row - centroids[found]).sum()

    return jax.lax.map(of_example, x, batch_size=min(CHUNK, len(x)))


def _plus_plus(key: Array, x: Array, count: int) -> Array:
    """[k, D]: each next centroid is an example, drawn by its squared distance to those before."""
    keys = jax.random.split(key, count)
    first = x[jax.random.randint(keys[0], (), 0, len(x))]
    centroids = jnp.zeros((count, x.shape[1]), x.dtype).at[0].set(first)

    def add(number: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        centroids, squares = carry
        # all may lie on a centroid: then any example will do
        chosen = jax.random.categorical(keys[number], jnp.log(squares + 1e-30))
        new = x[chosen]
        squares = jnp.minimum(squares, jnp.square(x - new[None]).sum(-1))
        return centroids.at[number].set(new), squares

    squares = jnp.square(x - first[None]).sum(-1)
    centroids, _ = jax.lax.fori_loop(1, count, add, (centroids, squares))
    return centroids


def _improved(x: Array, centroids: Array) -> Array:
    """The means of the clusters; an empty one takes an example that is far from its centroid."""
    count = len(centroids)
    assigned, squares = nearest(x, centroids)
    sums = jax.ops.segment_sum(x, assigned, count)
    sizes = jax.ops.segment_sum(jnp.ones(len(x), x.dtype), assigned, count)
    is_empty = sizes == 0
    _, farthest = jax.lax.top_k(squares, count)
    # the first empty cluster gets the farthest example, the second the next
    turn = jnp.cumsum(is_empty) - 1
    moved = x[farthest[turn]]
    means = sums / jnp.maximum(sizes, 1)[:, None]
    return jnp.where(is_empty[:, None], moved, means)


def concentration(x: Array, clusters: Clusters, temperature: float) -> Array:
    """phi [k]: the temperature of each cluster, large where it is loose; their mean is given.

    The mean distance to the centroid over log(size + 10). A cluster of one example or none takes
    the largest. Then all are clipped to the 10th and 90th percentile and scaled.

    Args:
      x: [N, D].
      clusters: of `x`, with centroids that are means, not of unit length.
    """
    count = len(clusters.centroids)
    own = clusters.centroids[clusters.assigned]
    distances = jnp.linalg.norm(x - own, axis=-1)
    sums = jax.ops.segment_sum(distances, clusters.assigned, count)
    sizes = jax.ops.segment_sum(jnp.ones(len(x), x.dtype), clusters.assigned, count)
    mean = sums / jnp.maximum(sizes, 1)
    phi = mean / jnp.log(sizes + SMOOTH)
    is_known = sizes > 1
    largest = jnp.max(jnp.where(is_known, phi, -jnp.inf))
    # of clusters that all have one example nothing is known
    largest = jnp.where(is_known.any(), largest, 1.0)
    phi = jnp.where(is_known, phi, largest)
    low, high = jnp.percentile(phi, jnp.asarray(CLIPPED, phi.dtype))
    phi = jnp.clip(phi, low, high)
    # where all examples lie on their centroids, all clusters are alike
    mean_phi = phi.mean()
    phi = jnp.where(mean_phi > 0, phi / jnp.where(mean_phi > 0, mean_phi, 1.0), 1.0)
    return temperature * jnp.maximum(phi, LEAST)


def prototype_logits(query: Array, prototypes: Array, phi: Array, candidates: Array) -> Array:
    """[b, n]: each query [b, D] against the prototypes `candidates` [n], each at its own phi."""
    return query @ prototypes[candidates].T / phi[candidates][None]


def against_all(query: Array, prototypes: Array, phi: Array, own: Array) -> Array:
    """[b]: cross-entropy against all k prototypes; the answer is that of the example, `own` [b]."""
    logits = query @ prototypes.T / phi[None]
    return optax.softmax_cross_entropy_with_integer_labels(logits, own)


def against_drawn(
    query: Array, prototypes: Array, phi: Array, batch: Array, negatives: Array, first: Array | int
) -> Array:
    """[b]: cross-entropy against the batch's prototypes, then the drawn ones; as published.

    The prototypes of other examples are negatives, also where two examples share one.

    Args:
      query: [b, D].
      batch: [B], the prototype of each example of the whole batch.
      negatives: [r], see `draw_negatives`.
      first: the place in the batch of the first query.
    """
    candidates = jnp.concatenate([batch, negatives])
    logits = prototype_logits(query, prototypes, phi, candidates)
    answers = first + jnp.arange(len(query))
    return optax.softmax_cross_entropy_with_integer_labels(logits, answers)


def draw_negatives(key: Array, batch: Array, count: int, draws: int) -> Array:
    """[r]: prototypes among `count` that are nobody's in the batch [B], without replacement."""
    order = jax.random.uniform(key, (count,))
    order = order.at[batch].set(-1.0)
    _, drawn = jax.lax.top_k(order, draws)
    return drawn
