"""How a critic tells held-out images from fakes, each of which has one noise for ever.

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

NAME = "critic"
SEED = 1406

# (variables, batch, key) -> (scores [B] of its images, scores [B] of fakes with their labels)
Judge = Callable[[Variables, Batch, Array], tuple[Array, Array]]


class Scores:
    """Mean scores of held-out images and of fakes, and how often the critic is right.

    A critic that knows its training images by heart gives held-out ones low scores.

    Args:
      judge: of a batch, whose `index` says which noise a fake gets.
      config: of the run.
      section: of `config.evals`.
    """

    def __init__(self, judge: Judge, config: View, section: View):
        self._split_name = section.split or config.data.val_split
        self.source = open_held_out(config, section)

        def sums(variables: Variables, batch: Batch, start: Array) -> dict[str, Array]:
            numbered = {**batch, "index": start + batch["index"]}
            real, fake = judge(variables, numbered, jax.random.key(SEED))
            valid = batch["mask"] > 0
            return {
                "count": valid.sum(),
                "score_real": jnp.where(valid, real, 0.0).sum(),
                "score_fake": jnp.where(valid, fake, 0.0).sum(),
                "told_apart": jnp.where(valid, real > fake, 0.0).sum(),
            }

        self._sums = jax.jit(sums)

    def __call__(
        self, variables: Variables, rng: Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields score_real, score_fake, gap (their difference) and told_apart.

        `told_apart` is the share of pairs whose real image has the higher score: 0.5 is a guess.

        Raises:
          UserError: no image can be read.
        """
        parts = []
        start = 0
        for batch in batches:
            parts.append(self._sums(variables, batch, jnp.asarray(start)))
            start += batch["index"].shape[0]
        totals = {}
        for name in parts[0]:
            totals[name] = sum(float(part[name]) for part in parts)
        count = totals.pop("count")
        if count == 0:
            raise UserError(f"none of the images of {self._split_name!r} can be read")
        for name, total in totals.items():
            yield name, total / count
        yield "gap", (totals["score_real"] - totals["score_fake"]) / count
