"""A thing to minimise as pure functions, and the table of those that a workload may name.

Shapes: N training examples, B batch, K classes.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.config import View
from effjax.errors import UserError, nearest

Params = Any
Arrays = Mapping[str, np.ndarray]  # with a leading axis of examples
LossAndState = tuple[jax.Array, Any]  # a scalar, and the new model_state
Metrics = dict[str, jax.Array]
EVAL_BATCH = 512  # held-out examples at a time, so that activations stay small


@dataclass(frozen=True)
class Problem:
    """A thing to minimise.

    Attributes:
      init: key -> (params, model_state).
      loss: (params, model_state, batch, key, step) -> (loss, model_state).
      evaluate: (params, model_state, held_out) -> {"val/loss": ..., ...}, lower is better.
      train, held_out: arrays with a leading axis of examples, as dicts; {} for functions.
      compiled: programs of init and evaluate, which all optimizers share.
    """

    init: Callable[[jax.Array], tuple[Params, Any]]
    loss: Callable[..., LossAndState]
    evaluate: Callable[[Params, Any, Any], Metrics]
    train: Arrays
    held_out: Arrays
    compiled: dict[Any, Any] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        """N; 0 for functions."""
        for array in self.train.values():
            return len(array)
        return 0

    @property
    def fingerprint(self) -> str:
        """A hash of the data: of every value, in order."""
        digest = hashlib.sha256()
        for part in (self.train, self.held_out):
            for name in sorted(part):
                array = np.ascontiguousarray(part[name])
                # the same bytes may be of another shape or type
                digest.update(f"{name} {array.dtype} {array.shape}".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()[:16]


Maker = Callable[[View, str | None], Problem]  # (workload, data_dir) -> problem
PROBLEMS: dict[str, Maker] = {}


def problem(name: str) -> Callable[[Maker], Maker]:
    """Registers a function as what `workload(problem=name)` trains."""

    def register(make: Maker) -> Maker:
        PROBLEMS[name] = make
        return make

    return register


def make_problem(workload: View, data_dir: str | None = None) -> Problem:
    """The problem that a workload describes, its data read.

    Raises:
      UserError: an unknown problem, or keys that it does not have.
    """
    if workload.problem not in PROBLEMS:
        known = nearest(workload.problem, [*PROBLEMS, "recipe"])
        raise UserError(f"unknown problem {workload.problem!r}; {known}")
    try:
        return PROBLEMS[workload.problem](workload, data_dir)
    except KeyError as error:
        raise UserError(f"problem {workload.problem!r} needs {error.args[0]}") from error


def classification_scores(logits: jax.Array, labels: jax.Array, mask: jax.Array | None) -> Metrics:
    """Mean loss and error of logits [B, K] over the examples that `mask` [B] marks with 1.

    A tie is an error, and so is a row that holds NaN.
    """
    weight = jnp.ones(labels.shape) if mask is None else mask
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    own = jnp.take_along_axis(logits, labels[:, None], -1)
    # Count the classes that are surely below: every comparison with NaN is false, so that a row of
    # NaN has none below and is an error.
    below = (logits < own).sum(-1)
    is_error = below != logits.shape[-1] - 1
    count = weight.sum()
    return {
        "val/loss": masked_sum(losses, weight) / count,
        "val/error": masked_sum(is_error, weight) / count,
    }


def masked_sum(values: jax.Array, weight: jax.Array) -> jax.Array:
    """The weighted sum over examples of weight above 0."""
    # not the product alone: a padded example may have a loss of NaN, and 0 * NaN is NaN
    return jnp.where(weight > 0, values * weight, 0.0).sum()
