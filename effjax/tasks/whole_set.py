"""Evaluators that need the whole set at once: mAP, AUC and F1 of labels, errors of numbers.

Shapes: B batch, N examples, T targets (K classes).
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import numpy as np
from jax.experimental import multihost_utils

from effjax.config import View
from effjax.contract import Batch, Variables
from effjax.errors import UserError
from effjax.tasks.accuracy import open_held_out
from effjax.tasks.evaluators import register_evaluator
from effjax.tasks.ranking import auc, average_precision, f1
from effjax.tasks.targets import table_of

Predict = Callable[[Variables, Batch], jax.Array]


class WholeSet:
    """Collects the outputs of all examples; padded ones do not count.

    Args:
      predict: (variables, batch) -> outputs [B, T].
      config: of the run.
      section: of `config.evals`.
    """

    def __init__(self, predict: Predict, config: View, section: View):
        self.source = open_held_out(config, section)
        self._table, _ = table_of(self.source.examples)
        self._name = section.split or config.data.val_split
        self._outputs = jax.jit(predict)  # made once: every evaluation runs one program

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields the metrics that `measure` gives.

        Raises:
          UserError: not a single image can be read.
        """
        found = []
        labels = []
        for batch in batches:
            outputs = _on_host(self._outputs(variables, batch))
            valid = _on_host(batch["mask"]) > 0
            found.append(outputs[valid])
            labels.append(_on_host(batch["label"])[valid])
        outputs = np.concatenate(found).astype(np.float64)
        if not len(outputs):
            raise UserError(f"none of the images of {self._name!r} can be read")
        targets = self.targets(np.concatenate(labels), outputs.shape[1])
        yield from self.measure(outputs, targets)

    def targets(self, labels: np.ndarray, outputs: int) -> np.ndarray:
        """What the outputs are compared with, [N, outputs], from labels [N].

        Raises:
          UserError: labels that are no class of the network.
        """
        if self._table is not None:
            return self._table[labels]
        if labels.max() >= outputs or labels.min() < 0:
            raise UserError(f"{self._name!r} has labels that are no class of the network")
        return np.eye(outputs)[labels]

    def measure(self, outputs: np.ndarray, targets: np.ndarray) -> Iterator[tuple[str, float]]:
        """Yields (name, value) from outputs and targets [N, T]."""
        raise NotImplementedError


def _on_host(values: jax.Array) -> np.ndarray:
    """All of an array, also where other hosts hold parts of it."""
    if jax.process_count() > 1:
        return np.asarray(multihost_utils.process_allgather(values, tiled=True))
    return np.asarray(values)


@register_evaluator("ranking", "mAP, AUC and F1 of labels, over the whole set")
class Ranking(WholeSet):
    """Means over the labels. One that no image has, or that all have, is left out of them.

    An image of one class is a positive of that class and a negative of the others; its scores are
    the probabilities, and what is chosen is the class with the largest.
    """

    def measure(self, outputs: np.ndarray, targets: np.ndarray) -> Iterator[tuple[str, float]]:
        positive = targets > 0.5
        if self._table is None:
            # log p of the softmax
            scores = outputs - np.logaddexp.reduce(outputs, axis=1, keepdims=True)
            losses = -np.sum(targets * scores, axis=1)
            chosen = scores == scores.max(axis=1, keepdims=True)
        else:
            scores = outputs
            # log(1 + e^z) - t z: the sigmoid's cross-entropy
            each = np.logaddexp(0, outputs) - targets * outputs
            losses = each.mean(axis=1)
            chosen = outputs > 0
        yield "loss", float(losses.mean())
        labels = range(positive.shape[1])
        yield "map", _mean(average_precision(scores[:, k], positive[:, k]) for k in labels)
        yield "auc", _mean(auc(scores[:, k], positive[:, k]) for k in labels)
        yield "f1", _mean(f1(chosen[:, k], positive[:, k]) for k in labels)
        yield "f1_micro", f1(chosen, positive)


@register_evaluator("regression", "errors of numbers, over the whole set")
class Regression(WholeSet):
    """In the numbers' own units; means over the targets."""

    def measure(self, outputs: np.ndarray, targets: np.ndarray) -> Iterator[tuple[str, float]]:
        errors = outputs - targets
        absolute = np.abs(errors).mean()
        squares = np.square(errors).mean(axis=0)  # [T]
        yield "mae", float(absolute)
        yield "rmse", float(np.sqrt(squares).mean())
        # 1: all is explained; 0: no better than the mean of the set
        spread = targets.var(axis=0)
        varies = spread > 0
        explained = 1 - squares[varies] / spread[varies]
        yield "r2", _mean(explained)


def _mean(values: Iterable[float]) -> float:
    """The mean of those that are defined; NaN if none is."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")
