"""What an encoder's features are worth while it learns, beside an untrained one and raw pixels.

Shapes: B batch, N training examples, M held-out ones, C channels, H W space.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from effjax.config import UNITS, View, read_section
from effjax.contract import Batch, Variables, split_variables
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.ranges import Count, Positive
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
PIXELS = 32  # larger images are averaged down to it: raw pixels are a baseline, not a method


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
      task: has `model`, `pixels`, `init`, `networks`, `handed_on`, `network_variables`, `measures`.
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
        self.options = read_section(section, Options, f"evals.{name}.", known=KNOWN)
        self.network = self.options.network or task.handed_on
        if self.network not in task.networks:
            raise UserError(
                f"config.evals.{name}.network = {self.network!r}: task {task.name!r} has "
                f"{', '.join(task.networks)}"
            )
        self._task = task
        self._seed = config.seed
        self._train = self._open(config, config.data.train_split, self.options.train_examples)
        held_out = self._open(config, section.split or config.data.val_split)
        self.source = Both(self._train, held_out)
        self._classes = self._train.num_classes
        self._encode = jax.jit(self._features)
        self._shrink = jax.jit(shrunk_pixels)

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

    def _features(self, variables: Variables, images: jax.Array) -> jax.Array:
        found = self._task.model.apply(variables, self._task.pixels(images), method="features")
        if self.options.layer not in found:
            raise UserError(
                f"the model has no layer {self.options.layer!r}; it has {', '.join(found)}"
            )
        return flat_features(found[self.options.layer])

    @functools.cached_property
    def _untrained(self) -> Variables:
        """The encoder as a run of this seed begins, without weights to start from."""
        batch = {
            name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in self._task.split.spec.items()
        }
        params, state = jax.jit(self._task.init)(jax.random.key(self._seed), batch)
        return self._task.network_variables(params, state, self.network)

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields (name, value); those of the baselines are computed once.

        Raises:
          UserError: no example can be read.
        """
        params, state = split_variables(variables)
        encoder = self._task.network_variables(params, state, self.network)
        wants_baselines = self.options.baselines and not hasattr(self, "_baselines")
        ways = {"": functools.partial(self._encode, encoder)}
        if wants_baselines:
            ways["untrained_"] = functools.partial(self._encode, self._untrained)
            ways["pixels_"] = self._shrink
        measured = self._measure(ways, batches)
        own = self._scores(measured[""])
        if wants_baselines:
            self._baselines = {}
            for prefix in ("untrained_", "pixels_"):
                for name, value in self._scores(measured[prefix]).items():
                    self._baselines[prefix + name] = value
        yield from own.items()
        if self.options.baselines:
            yield from self._baselines.items()
        yield from self._task.measures(variables).items()

    def _measure(self, ways: dict[str, Any], batches: Iterable[Batch]) -> dict[str, Measured]:
        """The features by each way to make them, from images."""
        rows: dict[str, list[np.ndarray]] = {name: [] for name in ways}
        labels, valid = [], []
        for batch in batches:
            labels.append(on_host(batch["label"]))
            valid.append(on_host(batch["mask"]) > 0)
            for name, way in ways.items():
                rows[name].append(on_host(way(batch["image"])))
        steps = self._train.steps_per_epoch
        found = {}
        for name, parts in rows.items():
            train = _valid(parts[:steps], valid[:steps])
            test = _valid(parts[steps:], valid[steps:])
            found[name] = Measured(
                train,
                _valid(labels[:steps], valid[:steps]),
                test,
                _valid(labels[steps:], valid[steps:]),
            )
        if not len(found[""].train) or not len(found[""].test):
            raise UserError("none of the images of the training or the held-out split can be read")
        return found

    def _scores(self, measured: Measured) -> dict[str, float]:
        """{name: value}; NaN where features are not finite, for they are worth nothing."""
        options = self.options
        names = ["knn_top1", "rank", "cosine"] + ["probe_top1"] * options.probe
        sound = finite_rows(measured.train).all() and finite_rows(measured.test).all()
        if not sound:
            return dict.fromkeys(names, float("nan"))
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
        return scores


def flat_features(layer: jax.Array) -> jax.Array:
    """A layer as float32 [B, C]: maps [B, H, W, C] and tokens [B, N, C] are averaged."""
    between = tuple(range(1, layer.ndim - 1))
    # a network may compute in bfloat16, too coarse for distances
    wide = layer.astype(jnp.float32)
    return wide.mean(between) if between else wide


def shrunk_pixels(images: jax.Array) -> jax.Array:
    """uint8 [B, H, W, 3] -> float32 [B, C]: centred values, of at most PIXELS a side."""
    batch, height, width, channels = images.shape
    size = (batch, min(height, PIXELS), min(width, PIXELS), channels)
    small = jax.image.resize(images / 127.5 - 1.0, size, "linear", antialias=True)
    return small.reshape(batch, -1)


def _valid(parts: list[np.ndarray], valid: list[np.ndarray]) -> np.ndarray:
    kept = [part[rows] for part, rows in zip(parts, valid)]
    return np.concatenate(kept)


def on_host(values: jax.Array) -> np.ndarray:
    """All of an array, also where other hosts hold parts of it."""
    if jax.process_count() > 1 and not isinstance(values, np.ndarray):
        return np.asarray(multihost_utils.process_allgather(values, tiled=True))
    return np.asarray(values)
