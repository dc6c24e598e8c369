"""What measures trained variables on held-out data."""

from collections.abc import Iterator
from typing import Protocol

import jax

from effjax.contract.batch import Batch, Variables
from effjax.contract.source import Source


class Evaluator(Protocol):
    """Measures variables: it knows neither the optimizer nor the step.

    Attributes:
      source: its batches, or None if it needs no data.
      of_one_version: (may be left out) true where an evaluation is dear: then the moving average is
        measured where there is one, under the plain name, and else what the optimizer evaluates.
    """

    source: Source | None

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterator[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields (name, value).

        Args:
          variables: {"params": those to be evaluated (an average, slow weights), **model_state}.
          rng: for what the evaluator draws; the same for all versions of the weights.
          batches: of `source`, on the devices.
        """
