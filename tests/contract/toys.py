"""What the toy tasks share: training data that is drawn, and a run of a task with its result."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

import effjax
from effjax.config import to_config
from effjax.report import Display, choose_display
from effjax.train import OptimConfig, Task, TrainState
from effjax.train.checkpoint import Checkpoints
from effjax.train.setup import build
from effjax.train.workdir import CHECKPOINTS
from effjax.train.writers import read_rows

Batch = dict[str, np.ndarray]
BATCH = 64


class Drawn:
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


def toy_config(task: type[Task]) -> ml_collections.ConfigDict:
    """A run of `task.steps` updates with `task.optimizers`, one for each group; every row kept."""
    config = effjax.default_config()
    config.task.name = f"{task.__module__}:{task.__name__}"
    config.total_steps = float(task.steps)
    config.data.batch_size = BATCH
    config.schedule.name = "constant"
    for group, fields in task.optimizers.items():
        config.optim[group] = to_config(OptimConfig)
        config.optim[group].update(decay=(), **fields)
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    return config


class Run:
    """What a run has left: its parts, its last state, its rows."""

    def __init__(self, task: type[Task], workdir: Path):
        effjax.train(toy_config(task), workdir, display=quiet())
        self.setup = build(toy_config(task))
        self.task = self.setup.task
        saved = Checkpoints(workdir / CHECKPOINTS)
        self.state: TrainState = saved.load(task.steps, self.setup.abstract)
        saved.close()
        self.rows = read_rows(workdir)
        self.final = {name: value for row in self.rows for name, value in row.items()}


def quiet() -> Display:
    return choose_display(quiet=True)
