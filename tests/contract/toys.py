"""What the toy tasks share: data that are drawn, a measurement, and a run with its result."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax
import ml_collections
import numpy as np

import effjax
from effjax.config import View
from effjax.contract import Source, Task, TrainState, Variables, split_variables
from effjax.report import Display, choose_display
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.metrics import read_rows
from effjax.tasks.run import build

Batch = dict[str, np.ndarray]
BATCH = 64


class Drawn(Source):
    """A source whose batch of step i is `draw(numpy.random.default_rng((seed, i)))`."""

    num_examples = 1 << 20

    def __init__(self, seed: int, draw: Callable[[np.random.Generator], Batch]):
        self._seed, self._draw = seed, draw
        self.spec = jax.eval_shape(lambda: self.batch(0))

    def batch(self, step: int) -> Batch:
        return self._draw(np.random.default_rng((self._seed, step)))

    def batches(self, start: int = 0) -> Iterator[Batch]:
        step = start
        while True:
            yield self.batch(step)
            step += 1


class Measure:
    """An evaluator without data: yields what `measure(params, model_state, rng)` holds."""

    source = None

    def __init__(self, measure: Callable[..., dict[str, jax.Array]]):
        self._measure = jax.jit(measure)

    def __call__(
        self, variables: Variables, rng: jax.Array, batches: Iterator[Batch]
    ) -> Iterator[tuple[str, float]]:
        yield from self._measure(*split_variables(variables), rng).items()


class Toy(Task):
    """A task that says what it draws and what it measures; `source` and `evaluators` follow.

    Attributes:
      steps: updates of a run.
      optimizers: {group: fields of `OptimConfig`}.
    """

    steps: int
    optimizers: ClassVar[dict[str, dict[str, Any]]]

    def draw(self, rng: np.random.Generator) -> Batch:
        """A training batch of `BATCH` examples."""
        raise NotImplementedError

    def measure(self, params: Any, model_state: Any, rng: jax.Array) -> dict[str, jax.Array]:
        """What is recorded as val/*."""
        raise NotImplementedError

    def source(self) -> Drawn:
        return Drawn(self.config.seed, self.draw)

    def evaluators(self, config: View) -> dict[str, Measure]:
        return {"val": Measure(self.measure)}


def toy_config(task: type[Toy]) -> ml_collections.ConfigDict:
    """A run of `task.steps` updates with `task.optimizers`, one for each group; every row kept."""
    config = effjax.default_config()
    config.task.name = f"{task.__module__}:{task.__name__}"
    config.total_steps = float(task.steps)
    config.data.batch_size = BATCH
    config.parallel.devices = 1
    for group, fields in task.optimizers.items():
        effjax.add_optimizer(config, group, **fields)
    config.evals.val.every_percent = 25.0
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    return config


class Run:
    """What a run has left: its parts, its last state, its rows."""

    def __init__(self, task: type[Toy], workdir: Path, **parallel: Any):
        config = toy_config(task)
        config.parallel.update(parallel)
        effjax.train(config, workdir, display=quiet())
        self.setup = build(config)
        self.task: Toy = self.setup.task
        saved = Checkpoints(workdir / CHECKPOINTS)
        self.state: TrainState = saved.load(task.steps, self.setup.abstract)
        saved.close()
        self.rows = read_rows(workdir)
        self.final = {name: value for row in self.rows for name, value in row.items()}


def quiet() -> Display:
    return choose_display(quiet=True)
