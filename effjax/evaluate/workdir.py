"""Evaluates the network of a run's folder as the run itself does."""

from pathlib import Path

import jax

from effjax.config import from_json
from effjax.errors import UserError
from effjax.report import Display
from effjax.train.checkpoint import Checkpoints
from effjax.train.evaluation import evaluate
from effjax.train.schema import RunConfig
from effjax.train.setup import Setup, build
from effjax.train.state import TrainState
from effjax.train.workdir import CHECKPOINTS, read_config


def restore(workdir: Path, display: Display, step: int | None = None) -> tuple[Setup, TrainState]:
    """The parts of a run and its state after `step` updates, by default the newest sound one.

    Raises:
      UserError: no run there, or no checkpoint that can be loaded.
    """
    stored = read_config(workdir)
    if stored is None:
        raise UserError(
            f"{workdir} is not a run's folder: it has no config.json\n"
            "train one: effjax train --config=configs/quickstart.py"
        )
    setup = build(from_json(stored, RunConfig))
    saved = Checkpoints(workdir / CHECKPOINTS, warn=display.warn)
    try:
        newest = saved.newest_sound() if step is None else step
        if newest is None or newest not in saved.steps():
            listed = ", ".join(map(str, saved.steps())) or "none"
            raise UserError(f"{workdir} has no checkpoint {step or ''}; there are: {listed}")
        return setup, saved.load(newest, setup.abstract)
    finally:
        saved.close()


def evaluate_workdir(
    workdir: str | Path, display: Display | None = None, step: int | None = None
) -> dict[str, float]:
    """The metrics of a run's checkpoint, equal to those written while training.

    Args:
      workdir: the run's folder.
      display: where progress and the table are shown; None: nowhere but warnings.
      step: which checkpoint; None: the newest sound one.

    Returns:
      {"<evaluator>/<metric>": value}.

    Raises:
      UserError: no run there, or no checkpoint that can be loaded.
    """
    from effjax.report import choose_display

    display = display or choose_display(quiet=True)
    display.waiting("restoring")
    setup, state = restore(Path(workdir), display, step)
    display.waiting("evaluating")
    evaluators = setup.task.evaluators(setup.config)
    made = int(state.step)
    key = jax.random.fold_in(jax.random.key(setup.config.seed), made)
    placed = setup.runner.place(state)
    metrics = evaluate(placed, evaluators, setup.groups, setup.runner, key)
    rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
    display.table(f"{workdir} at step {made}", rows)
    return metrics
