"""What an encoder's features are worth while it learns, beside an untrained one and raw pixels.

Shapes: N training examples, M held-out ones, C channels.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from effjax.config import UNITS, View, read_section
from effjax.contract import Batch, Variables
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.ranges import Count, Positive
from effjax.tasks.pretraining.encodings import BASELINES, OWN, Encodings, encoded
from effjax.tasks.pretraining.frozen_features import (
    effective_rank,
    finite_rows,
    fit_probe,
    mean_cosine,
    neighbour_votes,
)

NAME = "features"
DEFAULT = "classification"  # of `config.evals`: stands for what fits the task
KNOWN = ("evaluator", "split", *[f"every_{unit}" for unit in UNITS])


@dataclasses.dataclass(frozen=True)
class Options:
    """Keys of a section of `config.evals` beside `evaluator`, `split` and `every_*`."""

    network: str | None = None  # "student" or "teacher"; None: the one that the task hands on
    layer: str = "pooled"  # "stage1", ..., "pooled" or "prelogits"; maps are averaged
    train_examples: Count | None = None  # that have labels, drawn from all classes; None: all
    neighbours: Count = 20
    temperature: Positive = 0.07  # of the neighbours' votes
    probe: bool = True  # a linear classifier, which takes longer than neighbours
    baselines: bool = True  # the same for an untrained network and for raw pixels


@dataclasses.dataclass(frozen=True)
class Measured:
    """Features float32 [N, C] and [M, C] of training and held-out examples, with their labels."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


class Both:
    """First the training examples in order, without augmentation, then the held-out ones."""

    remedy = "a quicker source"

    def __init__(self, train: Split, held_out: Split):
        self._splits = (train, held_out)
        self.num_examples = train.num_examples + held_out.num_examples
        self.spec = held_out.spec
        self.examples = held_out.examples

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """One pass through both; `start` is not used."""
        for split in self._splits:
            with split.batches() as batches:
                yield from batches


class FeatureEvaluator:
    """k-NN, linear probe, effective rank and mean cosine of an encoder's features.

    Args:
      task: see `Encodings`; has `measures` too.
      config: of the run.
      name: of the section of `config.evals`.

    Raises:
      UserError: another evaluator, or a wrong key.
    """

    def __init__(self, task: Any, config: View, name: str):
        section = config.evals[name]
        if section.evaluator not in (NAME, DEFAULT):
            raise UserError(
                f"task {task.name!r} has no evaluator {section.evaluator!r}; known: {NAME!r}"
            )
        options = read_section(section, Options, f"evals.{name}.", known=KNOWN)
        self.options = options
        self._encodings = Encodings(task, name, options.network, options.layer, config.seed)
        self._task = task
        self._train = self._open(config, config.data.train_split, options.train_examples)
        held_out = self._open(config, section.split or config.data.val_split)
        self.source = Both(self._train, held_out)
        self._classes = self._train.num_classes
        self._baselines: dict[str, float] | None = None  # the same all the time

    def _open(self, config: View, split: str, draw: int | None = None) -> Split:
        return open_split(
            config.data,
            split,
            seed=config.seed,
            batch_size=config.data.eval_batch_size or config.data.batch_size,
            host=jax.process_index(),
            hosts=jax.process_count(),
            train=False,
            draw=draw,
        )

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields (name, value); those of the baselines are computed once.

        Raises:
          UserError: no example can be read.
        """
        wants_baselines = self.options.baselines and self._baselines is None
        ways = self._encodings.ways(variables, wants_baselines)
        features, labels = encoded(ways, batches)
        measured = {name: self._measured(parts, labels) for name, parts in features.items()}
        if wants_baselines:
            self._baselines = {}
            for prefix in BASELINES:
                self._baselines |= self._scores(measured[prefix], prefix)
        yield from self._scores(measured[OWN], OWN).items()
        if self._baselines is not None:
            yield from self._baselines.items()
        yield from self._task.measures(variables).items()

    def _measured(self, parts: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Measured:
        """The batches of features, the training examples apart from the others."""
        steps = self._train.steps_per_epoch
        found = Measured(
            train=np.concatenate(parts[:steps]),
            train_labels=np.concatenate(labels[:steps]),
            test=np.concatenate(parts[steps:]),
            test_labels=np.concatenate(labels[steps:]),
        )
        if not len(found.train) or not len(found.test):
            raise UserError("none of the images of the training or the held-out split can be read")
        return found

    def _scores(self, measured: Measured, prefix: str) -> dict[str, float]:
        """{prefix + name: value}; NaN where features are not finite, for they are worth nothing."""
        options = self.options
        names = ["knn_top1", "rank", "cosine"] + ["probe_top1"] * options.probe
        sound = finite_rows(measured.train).all() and finite_rows(measured.test).all()
        if not sound:
            return {prefix + name: float("nan") for name in names}
        votes = neighbour_votes(
            measured.train,
            measured.train_labels,
            measured.test,
            self._classes,
            options.neighbours,
            options.temperature,
        )
        hits = votes.argmax(1) == measured.test_labels
        scores = {
            "knn_top1": float(hits.mean()),
            "rank": effective_rank(measured.test),
            "cosine": mean_cosine(measured.test),
        }
        if options.probe:
            answers, _ = fit_probe(
                measured.train, measured.train_labels, measured.test, self._classes
            )
            scores["probe_top1"] = float((answers == measured.test_labels).mean())
        return {prefix + name: value for name, value in scores.items()}
