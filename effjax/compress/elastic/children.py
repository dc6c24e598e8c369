"""Sub-networks in a step: their logits without dropout and stochastic depth.

Shapes: B batch, K classes, P choices of a point.
"""

import dataclasses
from typing import Any

import jax

from effjax.compress.elastic.supernet import Ranks, Supernet
from effjax.contract import Params, join_variables
from effjax.models import ImageModel

RANKS = "ranks"  # of channels, in the model state


def masked_child(
    supernet: Supernet,
    params: Params,
    model_state: Any,
    ranks: Ranks,
    point: Any,
    images: jax.Array,
    examples: jax.Array | None,
) -> tuple[jax.Array, Any]:
    """(logits [B, K] of a sub-network, its own batch statistics), at the large network's shapes.

    Args:
      params: with the matrices of kernels.
      model_state: without the ranks.
      point: int [P], it may be traced.
      examples: int32 [B] in training, None in evaluation.
    """
    network = supernet.masked(params, ranks, point)
    with supernet.passing(ranks, point):
        return without_drops(supernet.model).apply(
            join_variables(network, model_state),
            images,
            train=examples is not None,
            examples=examples,
            mutable=["batch_stats"],
        )


def smallest_child(
    supernet: Supernet,
    params: Params,
    model_state: Any,
    ranks: Ranks,
    images: jax.Array,
    examples: jax.Array,
) -> jax.Array:
    """Logits [B, K] of the smallest network in training.

    Its point never changes, so it is cut out: it then costs what it costs alone.
    """
    point = supernet.space.smallest
    model, variables = supernet.extracted(params, model_state, ranks, point)
    logits, _ = without_drops(model).apply(
        variables, images, train=True, examples=examples, mutable=["batch_stats"]
    )
    return logits


def without_drops(model: ImageModel) -> ImageModel:
    """The network without dropout and stochastic depth, and with every block written out."""
    architecture = model.architecture
    known = {field.name for field in dataclasses.fields(architecture)}
    changed = {"drop_path_rate": 0.0, "head_dropout": 0.0, "scan": False}
    own = {name: value for name, value in changed.items() if name in known}
    return model.clone(architecture=dataclasses.replace(architecture, **own))
