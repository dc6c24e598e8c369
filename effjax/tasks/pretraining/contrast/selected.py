"""Negatives chosen by cluster: contrast with those examples alone that lie in other clusters.

PGCL: Lin et al. 2022, arXiv:2106.09645, of which the part for graphs is left out here. Assignments
are those of `self_distillation.losses.sinkhorn`. `published` gives what its code computes: one
denominator for all rows, and weights that grow away from the mean; the paper's rule is the default.

Shapes: B examples of two views, K prototypes, D features, n clusters that serve as negatives.
"""

import jax
import jax.numpy as jnp
from jax import Array

from effjax.tasks.pretraining.teacher import unit

RANKS = (2, 8)  # of the ascending assignment: the farthest two and the nearest two are left out


def swapped_prediction(assignment: Array, scores: Array, temperature: float) -> Array:
    """Cross-entropy of one view's assignment with what the other view's scores predict."""
    predicted = jax.nn.log_softmax(scores / temperature)
    return -(assignment * predicted).sum(1).mean()


def selected_nce(
    one: Array,
    two: Array,
    assignments: tuple[Array, Array],
    prototypes: Array,
    temperature: float,
    *,
    select: bool = True,
    reweight: bool = False,
    published: bool = False,
) -> Array:
    """Contrast of two views [B, D] in both directions, against negatives chosen by cluster.

    Args:
      one, two: of any length.
      assignments: [B, K] of the rows of `one` and of `two`.
      prototypes: [K, D].
      select: only examples whose cluster is among RANKS of a row's ascending assignment.
      reweight: by the distance of the two clusters' prototypes.
      published: as its code has it, see the head of this file.
    """
    rows = unit(jnp.concatenate([one, two]))  # [2 B, D]
    assigned = jnp.concatenate(assignments)  # [2 B, K]
    cluster = assigned.argmax(1)
    others = ~jnp.eye(len(rows), dtype=bool)
    closeness = jnp.exp(rows @ rows.T / temperature)
    if reweight:
        closeness = closeness * _weights(cluster, unit(prototypes), published)
    chosen = others
    if select:
        first, last = RANKS
        negatives = jnp.argsort(assigned, axis=1)[:, first:last]  # [2 B, n]
        is_negative = (cluster[None, :, None] == negatives[:, None, :]).any(-1)
        chosen = others & is_negative
    if not published:
        # an example's other view is no negative
        count = len(rows)
        chosen &= ~jnp.roll(jnp.eye(count, dtype=bool), count // 2, axis=1)
    of_negatives = jnp.where(chosen, closeness, 0.0).sum(1)
    positive = jnp.exp((unit(one) * unit(two)).sum(1) / temperature)
    positive = jnp.concatenate([positive, positive])
    if published:
        return -jnp.log(positive / of_negatives.sum()).mean()
    return -jnp.log(positive / (positive + of_negatives)).mean()


def _weights(cluster: Array, prototypes: Array, published: bool) -> Array:
    """[2 B, 2 B]: of each pair, from the cosine of the prototypes of their clusters."""
    cosine = (prototypes @ prototypes.T)[cluster][:, cluster]
    itself = jnp.eye(len(cluster), dtype=bool)
    # a row's own place takes the smallest value of the row, its own first value being 0
    smallest = jnp.where(itself, 0.0, cosine).min(1, keepdims=True)
    cosine = jnp.where(itself, smallest, cosine)
    low = cosine.min(1, keepdims=True)
    high = cosine.max(1, keepdims=True)
    scaled = (cosine - low) / jnp.maximum(high - low, 1e-12)
    mean = scaled.mean(1)
    deviation = scaled.std(1, ddof=1)
    if published:
        # the mean of row j stands in column j
        return jnp.exp((scaled - mean[None]) ** 2 / (2 * deviation[None] ** 2))
    return jnp.exp(-((scaled - mean[:, None]) ** 2) / (2 * deviation[:, None] ** 2))
