"""What the outputs of a trained network mean: one class, several labels, or numbers.

Shapes: B batch, K outputs.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from effjax.errors import UserError

THRESHOLD = 0.5  # a label whose probability is above it is given
LEAST = 1e-7  # a probability of 0 or 1 would have no finite logit


@dataclasses.dataclass(frozen=True)
class Meaning:
    """How a network's outputs become answers.

    Attributes:
      kind: "class", one of K; "labels", each its own yes-or-no question; or "numbers".
      mean, std: of numbers, K each: the network learned them with mean 0 and deviation 1.
    """

    kind: Literal["class", "labels", "numbers"] = "class"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def in_units(self, outputs: jax.Array) -> jax.Array:
        """Outputs [B, K] of the network -> logits, or numbers in their own units."""
        if self.kind != "numbers":
            return outputs
        std = jnp.asarray([self.std])  # [1, K]
        mean = jnp.asarray([self.mean])
        return outputs * std + mean

    def answers(self, logits: jax.Array) -> jax.Array:
        """What `in_units` gave -> probabilities [B, K], or the same numbers."""
        if self.kind == "numbers":
            return logits
        return jax.nn.sigmoid(logits) if self.kind == "labels" else jax.nn.softmax(logits)

    def average(self, views: Sequence[jax.Array]) -> jax.Array:
        """What has the mean of the answers of several views as its answers, [B, K]."""
        mean = jnp.mean(jnp.stack([self.answers(logits) for logits in views]), 0)
        if self.kind == "class":
            return jnp.log(mean)
        if self.kind == "labels":
            return jax.scipy.special.logit(jnp.clip(mean, LEAST, 1 - LEAST))
        return mean

    def needs_class(self, what: str) -> None:
        """Refuses a network whose answer is not one class.

        Args:
          what: was asked for, in words.

        Raises:
          UserError: it gives labels or numbers.
        """
        if self.kind != "class":
            raise UserError(
                f"{what} is for networks of one class an image; this one gives {self.kind}\n"
                "measure a run: effjax evaluate --workdir=D; use it: effjax predict"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON data, see `read_meaning`."""
        return dataclasses.asdict(self)


ONE_CLASS = Meaning()


def read_meaning(fields: Mapping[str, Any]) -> Meaning:
    """Of JSON data, where tuples are lists."""
    return Meaning(fields["kind"], tuple(fields.get("mean", ())), tuple(fields.get("std", ())))


def recorded_meaning(record: Mapping[str, Any], workdir: Any) -> Meaning:
    """Of what a run recorded when it began.

    Raises:
      UserError: a run of numbers that did not record their units.
    """
    kind = record.get("targets", "class")
    if kind == "numbers" and "target_mean" not in record:
        raise UserError(
            f"{workdir} did not record the units of its numbers: an earlier revision made it\n"
            f"continue it once, it records them then: effjax train --config=F --workdir={workdir}"
        )
    return read_meaning(
        {
            "kind": kind,
            "mean": record.get("target_mean", ()),
            "std": record.get("target_std", ()),
        }
    )
