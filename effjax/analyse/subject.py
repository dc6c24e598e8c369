"""A run, opened to be looked at: its weights, and its loss on a fixed set of its own examples.

The loss is that of the task, as in evaluation: no dropout, running averages as they are, no
augmentation, no mixing, float32. What a task draws besides (the noise of a diffusion, say) is drawn
once for all. Curvature of anything less fixed would be that of the draws.

Shapes: B examples of a batch.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from effjax.config import View, as_path
from effjax.contract import Batch, Params, Source, Task, TrainState
from effjax.curvature.evaluation_mode import evaluation_mode
from effjax.curvature.products import Operator, hessian, weighted_mean
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.best import Step
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.schema import default_config
from effjax.tasks.registry import find_task
from effjax.training.restore import evaluated, parts, state_at
from effjax.training.setup import Setup

KEPT_BYTES = 1 << 30  # more examples than this are read anew for every product
Pair = tuple[Any, Batch]  # (model state, batch): what the loss of a subject takes


class Chunks:
    """The first batches of a source with their weights, gone through as often as is wanted.

    Args:
      batches: makes an iterator over host batches.
      count: how many of them; None: all.
      weight: of a batch.
      unpack: see `Source.unpack`.

    Attributes:
      passes: how often they were gone through.
      watch: called with that number at the begin of each time.
    """

    def __init__(
        self,
        batches: Callable[[], Iterator[Batch]],
        count: int | None,
        weight: Callable[[Batch], Any],
        unpack: Callable[[Batch], Batch],
    ):
        self._batches = batches
        self._count = count
        self._weight = weight
        self._unpack = unpack
        self._kept: list[tuple[Batch, float]] | None = None
        self.passes = 0
        self.watch: Callable[[int], None] = lambda passes: None

    def count_pass(self) -> None:
        """A pass begins; measures that go through other data count these as passes too."""
        self.passes += 1
        self.watch(self.passes)

    def __iter__(self) -> Iterator[tuple[Batch, float]]:
        self.count_pass()
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[tuple[Batch, float]] | None = []
        size = 0
        opened = self._batches()
        try:
            for sent in itertools.islice(opened, self._count):
                batch = self._unpack(sent)
                weighed = batch, float(self._weight(batch))
                size += sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(batch))
                if size > KEPT_BYTES:
                    kept = None
                if kept is not None:
                    kept.append(weighed)
                yield weighed
        finally:
            if hasattr(opened, "close"):
                opened.close()
        self._kept = kept


@dataclass(frozen=True, eq=False)  # its methods are compiled, so it is told by its identity
class Subject:
    """A run to be looked at.

    Attributes:
      name: short, for tables.
      setup: its parts, for a loss without anything random.
      step: updates made.
      params, model_state: as one would use them: slow weights, the moving average.
      examples: training examples.
      held_out: all held-out ones, or None where the task has no images.
      peak_rate: the learning rate of `config.optim.default`.
    """

    name: str
    setup: Setup
    step: int
    params: Params
    model_state: Any
    examples: Chunks
    held_out: Chunks | None
    peak_rate: float

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        rates = self.setup.groups.rates
        name = "default" if "default" in rates else next(iter(rates))
        return float(rates[name](jnp.int32(self.step)))

    def loss(self, params: Params, pair: Pair) -> jax.Array:
        """The mean loss of a batch as in evaluation."""
        model_state, batch = pair
        return self._result(params, model_state, batch)[0]

    def _result(self, params: Params, model_state: Any, batch: Batch) -> tuple[jax.Array, Any]:
        task = self.setup.task
        with evaluation_mode():
            # one key for every batch: an example's draws are those of its place
            return task.loss(params, model_state, batch, jax.random.key(0), jnp.int32(self.step))

    def pairs(self, chunks: Chunks | None = None) -> "Paired":
        """The chunks as `loss` takes them, at the run's own model state."""
        return Paired(chunks or self.examples, self.model_state)

    @cached_property
    def compiled_loss(self) -> Callable[[Params, Pair], jax.Array]:
        """`loss`, compiled once."""
        return jax.jit(self.loss)

    @cached_property
    def gradient(self) -> Callable[[Params], tuple[float, Params]]:
        """params -> (mean loss over the examples, its gradient)."""
        both = jax.jit(jax.value_and_grad(self.loss))

        def gradient(params: Params) -> tuple[float, Params]:
            value, grads = weighted_mean(lambda pair: both(params, pair), self.pairs())
            return float(value), grads

        return gradient

    @cached_property
    def hessian(self) -> Operator:
        """Of the mean loss over the examples at the weights of the run; compiled once."""
        return hessian(self.loss, self.params, self.pairs())

    def mean_loss(self, params: Params, model_state: Any | None = None) -> float:
        """The mean loss over the examples, at other parameters or another model state."""
        state = self.model_state if model_state is None else model_state
        pairs = Paired(self.examples, state)
        return float(weighted_mean(lambda pair: self.compiled_loss(params, pair), pairs))

    def metrics(self, chunks: Chunks) -> dict[str, float]:
        """The task's own metrics as in evaluation, means over all valid examples."""
        compiled = jax.jit(lambda params, pair: self._result(params, *pair)[1][1])
        totals: dict[str, np.ndarray] = {}
        for pair, _ in self.pairs(chunks):
            for name, sums in compiled(self.params, pair).items():
                totals[name] = totals.get(name, 0.0) + np.array([float(x) for x in sums])
        return {name: float(total / count) for name, (total, count) in totals.items()}


class Paired:
    """Chunks of batches as chunks of (model state, batch)."""

    def __init__(self, chunks: Chunks, model_state: Any):
        self._chunks = chunks
        self._model_state = model_state

    def __iter__(self) -> Iterator[tuple[Pair, float]]:
        for batch, weight in self._chunks:
            yield (self._model_state, batch), weight


def open_subject(
    workdir: Path | str,
    name: str,
    examples: int,
    display: Display,
    step: Step = None,
    at_loss: float | None = None,
) -> Subject:
    """A run at one of its checkpoints, by default the newest sound one.

    Args:
      workdir: the run's folder.
      examples: how many training examples to look at; whole batches of the run are taken.
      step: of the checkpoint, or "best".
      at_loss: in place of `step`: the first checkpoint whose loss over the examples is not above.

    Raises:
      UserError: no run there, no such checkpoint, or none that reaches the loss.
    """
    workdir = as_path(workdir)
    setup = parts(_find_task_with_a_loss, workdir, make_plain)
    if at_loss is None:
        return _at(setup, state_at(setup, workdir, display, step), name, examples)
    saved = Checkpoints(workdir / CHECKPOINTS, warn=display.warn)
    steps = sorted(saved.steps())
    saved.close()  # its threads would keep Python from ending
    losses: list[str] = []
    for number in steps:
        state = state_at(setup, workdir, display, number)
        found = _at(setup, state, name, examples)
        loss = found.mean_loss(found.params)
        if loss <= at_loss:
            return found
        losses.append(f"{loss:.4g} at {number}")
    raise UserError(
        f"{workdir}: no checkpoint has a training loss of {at_loss:g} or less; "
        f"it is {', '.join(losses) or 'without any'}\n"
        "train with --config.checkpoint.keep_every_steps=N, or give a larger --at-loss"
    )


def _find_task_with_a_loss(name: str) -> type[Task]:
    task = find_task(name)
    if task.loss is Task.loss:
        raise UserError(
            f"the task {name!r} has no single loss to look at\n"
            "effjax compare RUN... shows its curves"
        )
    return task


def make_plain(config: ml_collections.ConfigDict) -> None:
    """Takes out of a run's config all that is drawn or rounded anew at every step."""
    plain = default_config()
    config.parallel.update(plain.parallel)
    config.parallel.devices = 1
    config.accumulate = 1
    # label smoothing stays: it is part of what is minimised
    config.mix.update(mixup=0.0, cutmix=0.0, erase_prob=0.0)
    config.data.augment.update(plain.data.augment)
    config.data.augment.update(crop="none", hflip=0.0, interpolation="bicubic")
    # the same few images again and again
    config.data.update(cache="memory", workers=0)
    if "dtype" in config.model:
        config.model.dtype = "float32"


def _at(setup: Setup, state: TrainState, name: str, examples: int) -> Subject:
    weights = evaluated(setup, state)
    source = setup.source
    batch_size = setup.clock.batch_size
    count = max(1, -(-min(examples, source.num_examples) // batch_size))
    return Subject(
        name=name,
        setup=setup,
        step=int(state.step),
        params=weights["params"],
        model_state=weights["model_state"],
        examples=chunks_of(setup, source, count),
        held_out=_held_out(setup),
        peak_rate=_peak_rate(setup.config.optim),
    )


def chunks_of(setup: Setup, source: Source, count: int | None) -> Chunks:
    """The first `count` batches of a source."""
    return Chunks(source.batches, count, setup.task.weight, source.unpack)


def _held_out(setup: Setup) -> Chunks | None:
    if not isinstance(setup.source, Split):
        return None
    data = setup.config.data
    held = open_split(data, data.val_split, seed=0, batch_size=data.batch_size, train=False)
    return chunks_of(setup, held, None)


def _peak_rate(sections: View) -> float:
    name = "default" if "default" in sections else next(iter(sections))
    return float(sections[name].learning_rate)
