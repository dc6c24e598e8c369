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

    def improve(_: Array, centroids: Array) -> Array:
        return _improved(x, centroids)

    def once(key: Array) -> Clusters:
        start = _plus_plus(key, x, count)
        centroids = jax.lax.fori_loop(0, iterations, improve, start)
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

    def add(number: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        centroids, squares = carry
        # all may lie on a centroid: then any example will do
        log_chances = jnp.log(squares + 1e-30)
        chosen = jax.random.categorical(keys[number], log_chances)
        new = x[chosen]
        squares = jnp.minimum(squares, _squares(x, new))
        return centroids.at[number].set(new), squares

    row = jax.random.randint(keys[0], (), 0, len(x))
    first = x[row]
    centroids = jnp.zeros((count, x.shape[1]), x.dtype)
    centroids = centroids.at[0].set(first)
    start = (centroids, _squares(x, first))
    centroids, _ = jax.lax.fori_loop(1, count, add, start)
    return centroids


def _squares(x: Array, point: Array) -> Array:
    """[N]: the squared distance of each example from a point [D]."""
    return jnp.square(x - point[None]).sum(-1)


def _improved(x: Array, centroids: Array) -> Array:
    """The means of the clusters; an empty one takes an example that is far from its centroid."""
    count = len(centroids)
    assigned, squares = nearest(x, centroids)
    sums = jax.ops.segment_sum(x, assigned, count)
    sizes = _sizes(x, assigned, count)
    is_empty = sizes == 0
    _, farthest = jax.lax.top_k(squares, count)
    # the first empty cluster gets the farthest example, the second the next
    turn = jnp.cumsum(is_empty) - 1
    moved = x[farthest[turn]]
    means = sums / jnp.maximum(sizes, 1)[:, None]
    return jnp.where(is_empty[:, None], moved, means)


def _sizes(x: Array, assigned: Array, count: int) -> Array:
    """[k]: how many examples a cluster has, as numbers of the type of x."""
    ones = jnp.ones(len(x), x.dtype)
    return jax.ops.segment_sum(ones, assigned, count)


def concentration(x: Array, clusters: Clusters, temperature: float) -> Array:
    """phi [k]: the temperature of each cluster, large where it is loose; their mean is given.

    The mean distance to the centroid over log(size + 10). A cluster of one example or none takes
    the largest. Then all are clipped to the 10th and 90th percentile and scaled.

    Args:
      x: [N, D].
      clusters: of `x`, with centroids that are means, not of unit length.
    """
    count = len(clusters.centroids)
    own = clusters.centroids[clusters.assigned]  # [N, D]
    distances = jnp.linalg.norm(x - own, axis=-1)
    sums = jax.ops.segment_sum(distances, clusters.assigned, count)
    sizes = _sizes(x, clusters.assigned, count)
    mean = sums / jnp.maximum(sizes, 1)
    phi = mean / jnp.log(sizes + SMOOTH)
    phi = _loosest_where_unknown(phi, sizes > 1)
    ends = jnp.asarray(CLIPPED, phi.dtype)
    low, high = jnp.percentile(phi, ends)
    phi = jnp.clip(phi, low, high)
    return temperature * _of_mean_one(phi)


def _loosest_where_unknown(phi: Array, is_known: Array) -> Array:
    """phi [k], the largest of those that are known in the place of the others."""
    known = jnp.where(is_known, phi, -jnp.inf)
    # where no cluster has two examples, all are alike
    largest = jnp.where(is_known.any(), known.max(), 1.0)
    return jnp.where(is_known, phi, largest)


def _of_mean_one(phi: Array) -> Array:
    """phi [k] over its mean, nowhere below LEAST."""
    mean = phi.mean()
    # where all examples lie on their centroids, all clusters are alike
    are_alike = mean <= 0
    divisor = jnp.where(are_alike, 1.0, mean)
    scaled = jnp.where(are_alike, 1.0, phi / divisor)
    return jnp.maximum(scaled, LEAST)


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
