"""Accuracy on held-out images.

Shapes: B batch, K classes.
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import optax

from effjax.config import View
from effjax.contract import Batch, Variables
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.tasks.evaluators import register_evaluator

TOP = 5


@register_evaluator("classification", "mean loss, top-1 and top-5")
class Accuracy:
    """Mean loss, top-1 and, of more than five classes, top-5 over a split.

    Padded examples do not count.

    Args:
      predict: (variables, batch) -> logits [B, K].
      config: of the run.
      section: of `config.evals`.
    """

    def __init__(
        self, predict: Callable[[Variables, Batch], jax.Array], config: View, section: View
    ):
        self._split_name = section.split or config.data.val_split
        self._data_name = config.data.name
        self.source = open_held_out(config, section)
        self._predict = predict
        self._sums = jax.jit(self._batch_sums)  # made once: every evaluation runs one program

    def _batch_sums(self, variables: Variables, batch: Batch) -> dict[str, jax.Array]:
        logits = self._predict(variables, batch)
        labels = batch["label"]
        known = is_class(labels, logits.shape[-1])
        # any class will do in the place of what is none: the evaluation is refused then
        labels = jnp.where(known, labels, 0)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        ranks = rank_of_label(logits, labels)
        values = {"loss": losses, "top1": ranks <= 1}
        # of five classes the five likeliest are always right
        if logits.shape[-1] > TOP:
            values["top5"] = ranks <= TOP
        values |= {"count": jnp.ones_like(losses), "unknown": ~known}
        return {name: (value * batch["mask"]).sum() for name, value in values.items()}

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("loss", mean), ("top1", share) and, of more than five classes, ("top5", share).

        Raises:
          UserError: labels that are no class of the network.
        """
        sums = [self._sums(variables, batch) for batch in batches]
        # on the host in float64: counts of many batches are exact
        totals = dict.fromkeys(sums[0], 0.0)
        for part in sums:
            for name, value in part.items():
                totals[name] += float(value)
        count = totals.pop("count")
        unknown = totals.pop("unknown")
        if unknown:
            raise UserError(
                f"{unknown:.0f} of {count:.0f} examples of {self._split_name!r} have labels that "
                "are no class of the network\ngive images of the classes that it was trained on"
            )
        if not count:
            raise UserError(
                f"none of the images of {self._split_name!r} can be read\n"
                f"see what is wrong: effjax data check {self._data_name}"
            )
        for name, total in totals.items():
            yield name, total / count


def open_held_out(config: View, section: View) -> Split:
    """This host's part of the split that an entry of `config.evals` measures.

    Args:
      config: of the run.
      section: the entry.
    """
    return open_split(
        config.data,
        section.split or config.data.val_split,
        seed=config.seed,
        batch_size=config.data.eval_batch_size or config.data.batch_size,
        host=jax.process_index(),
        hosts=jax.process_count(),
        train=False,
    )


def is_class(labels: jax.Array, classes: int) -> jax.Array:
    """[B] bool: which of `labels` [B] count from 0 to `classes` - 1."""
    return (labels >= 0) & (labels < classes)


def rank_of_label(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """[B]: how many classes score at least as well as the label; 1 is right, ties count against it.

    NaN is never right: an example with a logit that is NaN, or a label whose logit is not finite,
    ranks below all classes, however few there are.
    """
    own = jnp.take_along_axis(logits, labels[:, None], -1)  # [B, 1]
    rank = (logits >= own).sum(-1)
    # every comparison with NaN is false, so that by counting alone NaN would rank first
    sound = jnp.isfinite(own[:, 0]) & ~jnp.isnan(logits).any(-1)
    return jnp.where(sound, rank, jnp.iinfo(jnp.int32).max)
