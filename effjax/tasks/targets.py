"""What the network is to say of an image: one class, several labels, or numbers.

The source decides: a list with several targets an image (`effjax.data.sources.targets`) has a
table of them, and the "label" of an example is its row there. All other sources have one class.

Shapes: B batch, F rows of the table, T targets (K classes).
"""

import dataclasses
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from effjax.contract import Batch
from effjax.errors import UserError
from effjax.tasks.accuracy import is_class

# losses of numbers; every other loss is one of classes or labels
OF_NUMBERS = ("squared", "absolute", "huber")
# losses of classes that exclude each other
OF_ONE_CLASS = ("cross_entropy", "focal")


class Targets(Protocol):
    """What is learned of an image.

    Attributes:
      kind: "class", "labels" or "numbers".
      evaluator: the name of the one that measures it.
    """

    kind: str
    evaluator: str

    def of(self, batch: Batch, outputs: int) -> jax.Array:
        """What `outputs` outputs of the network are compared with, float32 [B, outputs]."""

    def scores(self, logits: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        """{metric: how well each example [B] is met}, for `train/*`."""

    def outputs(self, logits: jax.Array) -> jax.Array:
        """What a user gets, from the network's outputs [B, T]."""

    def record(self) -> dict[str, Any]:
        """What a run keeps beside `kind`, as JSON data, to use its network without the data."""


@dataclasses.dataclass(frozen=True)
class OneClass:
    """One of K classes that exclude each other."""

    kind = "class"
    evaluator = "classification"

    def of(self, batch: Batch, outputs: int) -> jax.Array:
        targets = jax.nn.one_hot(batch["label"], outputs)
        # without this a label that is no class would have no target at all, and no loss
        sound = is_class(batch["label"], outputs) | (batch["mask"] == 0)
        return jnp.where(sound[:, None], targets, jnp.nan)

    def scores(self, logits: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        return {"top1": jnp.argmax(logits, -1) == jnp.argmax(targets, -1)}

    def outputs(self, logits: jax.Array) -> jax.Array:
        return logits

    def record(self) -> dict[str, Any]:
        return {}


@dataclasses.dataclass(frozen=True)
class SeveralLabels:
    """Any of T labels, each a yes-or-no question.

    Attributes:
      table: float32 [F, T], from 0 (no) to 1 (yes).
    """

    table: np.ndarray
    kind = "labels"
    evaluator = "ranking"

    def of(self, batch: Batch, outputs: int) -> jax.Array:
        return _looked_up(self.table, batch, outputs)

    def scores(self, logits: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        right = (logits > 0) == (targets > 0.5)
        return {"right": right.mean(-1)}

    def outputs(self, logits: jax.Array) -> jax.Array:
        return logits

    def record(self) -> dict[str, Any]:
        return {}


@dataclasses.dataclass(frozen=True)
class Numbers:
    """T measurements. The network learns them with mean 0 and deviation 1 over the training images.

    Attributes:
      table: float32 [F, T], in their own units.
      mean, std: float32 [1, T], of the training images.
    """

    table: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    kind = "numbers"
    evaluator = "regression"

    def of(self, batch: Batch, outputs: int) -> jax.Array:
        standardised = (self.table - self.mean) / self.std
        return _looked_up(standardised.astype(np.float32), batch, outputs)

    def scores(self, logits: jax.Array, targets: jax.Array) -> dict[str, jax.Array]:
        distance = jnp.abs(logits - targets) * self.std
        return {"mae": distance.mean(-1)}

    def outputs(self, logits: jax.Array) -> jax.Array:
        return logits * self.std + self.mean

    def record(self) -> dict[str, Any]:
        return {"target_mean": self.mean[0].tolist(), "target_std": self.std[0].tolist()}


def _looked_up(table: np.ndarray, batch: Batch, outputs: int) -> jax.Array:
    """The rows [B, T] of the examples of a batch.

    Raises:
      UserError: the network has another number of outputs.
    """
    if table.shape[1] != outputs:
        raise UserError(
            f"config.model.num_classes = {outputs}, but an image has {table.shape[1]} targets; "
            "leave it out"
        )
    # a label that is no row is padding, or is refused with its image
    return jnp.take(jnp.asarray(table), batch["label"], axis=0, mode="clip")


def make_targets(examples: Any, loss: str, smoothing: float) -> Targets:
    """What is learned of the training examples with a loss.

    Args:
      examples: the source of the training examples.
      loss: `config.task.loss`.
      smoothing: `config.mix.label_smoothing`.

    Raises:
      UserError: a loss that does not fit the targets, or smoothing of what is no class.
    """
    table, names = table_of(examples)
    if table is None:
        if loss in OF_NUMBERS:
            raise UserError(
                f"config.task.loss = {loss!r} learns numbers, the images have one class each\n"
                "give a .csv list and --config.data.targets=\"('COLUMN',)\""
            )
        return OneClass()
    if smoothing:
        raise UserError("config.mix.label_smoothing is for images of one class; set it to 0.0")
    if loss in OF_ONE_CLASS:
        raise UserError(
            f"config.task.loss = {loss!r} is for images of one class; these have several targets\n"
            f"give --config.task.loss=sigmoid for labels, or {', '.join(OF_NUMBERS)} for numbers"
        )
    if loss in OF_NUMBERS:
        own = table[examples.labels()]
        std = own.std(0, keepdims=True)
        if not std.all():
            constant = names[int(np.argmin(std))]
            raise UserError(f"data.targets: {constant!r} is the same for all training images")
        return Numbers(table, own.mean(0, keepdims=True), std)
    if table.min() < 0 or table.max() > 1:
        raise UserError(
            f"config.task.loss = {loss!r} takes targets from 0 to 1; these reach from "
            f"{table.min():g} to {table.max():g}\ngive --config.task.loss=squared for numbers"
        )
    return SeveralLabels(table)


def table_of(examples: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(table [F, T] of a source with several targets an image, or None; their names)."""
    return getattr(examples, "table", None), examples.class_names
