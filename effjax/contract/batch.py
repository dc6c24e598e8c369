"""Names for what passes between the rooms, and how much a batch weighs in a mean.

A batch is a dict of arrays whose first axis is the examples: `mask` float32 [B] marks padding and
unreadable examples with 0. Images come as `image` uint8 [B, H, W, 3] and `label` int32 [B]. A task
that asks for several sources gets {source: batch}.
"""

from collections.abc import Mapping
from typing import Any

import jax

Batch = Mapping[str, Any]
Params = Any  # a tree of arrays
Variables = Mapping[str, Any]  # {"params": Params, **model_state}, as flax has them
Metrics = dict[str, Any]  # name -> (sum, weight)


def join_variables(params: Params, model_state: Mapping[str, Any]) -> dict[str, Any]:
    """{"params": params, **model_state}."""
    return {"params": params, **model_state}


def split_variables(variables: Variables) -> tuple[Params, dict[str, Any]]:
    """(params, model_state) of {"params": params, **model_state}."""
    model_state = dict(variables)
    return model_state.pop("params"), model_state


def valid_examples(batch: Batch) -> jax.Array | float:
    """The number of valid examples of a batch, float32; 1 where the batch has no `mask`.

    Without a mask all parts of a batch are equally large, so that any constant serves as a weight.
    """
    if "mask" not in batch:
        return 1.0
    return batch["mask"].sum()
