"""What a training run carries from step to step."""

from typing import Any

import jax
from flax import struct


@struct.dataclass
class TrainState:
    """All that a checkpoint holds beside the data position.

    Attributes:
      step: int32 scalar, the number of updates made.
      params: the learned parameters, a dict of arrays.
      model_state: every other collection of the model (batch statistics, constants).
      opt_state: {group: optimizer state}.
      ema: {"params": ..., "model_state": ...} averages of what is evaluated, or None.
      rng: the run's key; step i draws from fold_in(rng, i).
      grad_norm: {group: float32 scalar}, the gradient norm of its last update, before clipping.
      bad: int32 scalar, how many updates in a row were not finite.
    """

    step: jax.Array
    params: Any
    model_state: Any
    opt_state: dict[str, Any]
    ema: Any
    rng: jax.Array
    grad_norm: dict[str, jax.Array]
    bad: jax.Array
