"""How well hidden patches of held-out images are predicted, with masks that never change.

Shapes: B batch.
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
from jax import Array

from effjax.config import View
from effjax.contract import Batch, Variables
from effjax.errors import UserError
from effjax.tasks.accuracy import open_held_out

NAME = "reconstruction"
SEED = 2111  # of the masks

Errors = Callable[[Variables, Batch, Array], Array]  # (variables, batch, key) -> [B]


class Reconstruction:
    """The mean error of the hidden patches.

    Args:
      errors: of a batch, whose `index` says which mask an image gets.
      config: of the run.
      section: of `config.evals`.
    """

    def __init__(self, errors: Errors, config: View, section: View):
        self._split_name = section.split or config.data.val_split
        self.source = open_held_out(config, section)

        def sums(variables: Variables, batch: Batch, start: Array) -> tuple[Array, Array]:
            numbered = {**batch, "index": start + batch["index"]}
            found = errors(variables, numbered, jax.random.key(SEED))
            # a padded image may have an error of NaN, and 0 * NaN is NaN
            found = jnp.where(batch["mask"] > 0, found, 0.0)
            return found.sum(), batch["mask"].sum()

        self._sums = jax.jit(sums)

    def __call__(
        self, variables: Variables, rng: Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("loss", mean); `rng` is not used.

        Raises:
          UserError: no image can be read.
        """
        parts = []
        start = 0
        for batch in batches:
            parts.append(self._sums(variables, batch, jnp.asarray(start)))
            start += batch["index"].shape[0]
        total = sum(float(errors) for errors, _ in parts)
        count = sum(float(valid) for _, valid in parts)
        if count == 0:
            raise UserError(f"none of the images of {self._split_name!r} can be read")
        yield "loss", total / count
