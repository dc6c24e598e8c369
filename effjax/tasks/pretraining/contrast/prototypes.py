"""Prototypes on top of momentum contrast (PCL): their state, their loss, and the E-step.

Shapes: N examples of the training set, k prototypes of a clustering, D features, b queries of one
device, B examples of the whole batch.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.errors import UserError
from effjax.tasks.pretraining.contrast.clusters import (
    Clusters,
    against_all,
    against_drawn,
    concentration,
    draw_negatives,
    k_means,
)
from effjax.tasks.pretraining.contrast.options import ContrastConfig
from effjax.tasks.pretraining.teacher import gather_examples, unit

SEED = 2005  # of the clusterings, beside the run's own


class Prototypes:
    """Several clusterings of the training set, each with prototypes of its own.

    Args:
      options: the keys of `config.task`.
      seed: of the run.
      batch_axis: the name of the pmap axis, or None.
    """

    def __init__(self, options: ContrastConfig, seed: int, batch_axis: str | None):
        self._options = options
        self._seed = seed
        self._batch_axis = batch_axis
        self._cluster = jax.jit(self._clustering, static_argnums=2)

    def fresh(self, rng: Array, examples: int) -> dict[str, Any]:
        """The state before the first E-step: random prototypes, of weight 0.

        Raises:
          UserError: more prototypes than examples.
        """
        options = self._options
        most = max(options.clusters)
        if most > examples:
            raise UserError(
                f"config.task.clusters: {most} prototypes of {examples} training images\n"
                "give a tenth to a fiftieth of their number"
            )
        state: dict[str, Any] = {"weight": jnp.zeros(())}
        for number, count in enumerate(options.clusters):
            drawn = jax.random.normal(jax.random.fold_in(rng, number), (count, options.dim))
            state[str(number)] = {
                "centroids": unit(drawn),
                "assigned": jnp.zeros(examples, jnp.int32),
                "phi": jnp.full(count, options.temperature),
            }
        return state

    def losses(
        self, state: dict[str, Any], query: Array, rows: Array, first: Array | int, rng: Array
    ) -> Array:
        """[b]: the mean over the clusterings of the cross-entropy over prototypes.

        Args:
          query: [b, D], of unit length.
          rows: int [b], the examples' places in the training set.
          first: the place in the whole batch of the first query.
          rng: of the step, the same on every device.
        """
        options = self._options
        total = jnp.zeros(len(query))
        for number, count in enumerate(options.clusters):
            one = state[str(number)]
            own = one["assigned"][rows]
            if options.cluster_negatives is None:
                total += against_all(query, one["centroids"], one["phi"], own)
                continue
            batch = gather_examples(own, self._batch_axis)
            key = jax.random.fold_in(rng, number)
            drawn = draw_negatives(key, batch, count, options.cluster_negatives)
            total += against_drawn(query, one["centroids"], one["phi"], batch, drawn, first)
        return total / len(options.clusters)

    def expectation(
        self, state: dict[str, Any], features: np.ndarray, valid: np.ndarray, step: int
    ) -> dict[str, Any]:
        """The state with new clusterings: the E-step.

        Args:
          features: [N, D], of unit length.
          valid: bool [N]; an image that cannot be read belongs to no cluster.
          step: of the run; the clusterings are a function of it and of the features.
        """
        found = dict(state)
        key = jax.random.key(np.uint32(self._seed % 2**32))
        key = jax.random.fold_in(jax.random.fold_in(key, SEED), step)
        some = jnp.asarray(features[valid])
        for number, count in enumerate(self._options.clusters):
            clusters, phi = self._cluster(jax.random.fold_in(key, number), some, count)
            assigned = np.zeros(len(features), np.int32)
            assigned[valid] = np.asarray(clusters.assigned)
            found[str(number)] = {
                # their length is left out only now: distances were to the means
                "centroids": unit(clusters.centroids),
                "assigned": assigned,
                "phi": phi,
            }
        found["weight"] = jnp.ones(())
        return found

    def _clustering(self, key: Array, features: Array, count: int) -> tuple[Clusters, Array]:
        options = self._options
        clusters = k_means(
            key, features, count, options.cluster_iterations, options.cluster_restarts
        )
        return clusters, concentration(features, clusters, options.temperature)
