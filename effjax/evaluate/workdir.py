"""Evaluates the network of a run's folder as the run itself does."""

from pathlib import Path

import jax

from effjax.config import as_path
from effjax.contract import join_variables
from effjax.report import Display
from effjax.runs.best import Step, averaged
from effjax.runs.seeds import run_key
from effjax.tasks.run import restore
from effjax.tasks.trained_network import has_found
from effjax.training.evaluation import evaluate, measure
from effjax.training.restore import evaluated


def evaluate_workdir(
    workdir: str | Path, display: Display | None = None, step: Step = None
) -> dict[str, float]:
    """The metrics of a run's checkpoint, equal to those written while training.

    Args:
      workdir: the run's folder.
      display: where progress and the table are shown; None: nowhere but warnings.
      step: which checkpoint; "best": the best by the run's metric; "average:5": the mean of the
        last five, measured as `<evaluator>_average`; None: the newest sound one.

    Returns:
      {"<evaluator>/<metric>": value}.

    Raises:
      UserError: no run there, or no checkpoint that can be loaded.
    """
    from effjax.report import choose_display

    display = display or choose_display(quiet=True)
    display.waiting("restoring")
    setup, state = restore(as_path(workdir), display, step)
    display.waiting("evaluating")
    evaluators = setup.task.evaluators(setup.config)
    made = int(state.step)
    # the key that the run takes at this step: an evaluator may draw
    key = run_key(setup.config.seed)
    key = jax.random.fold_in(key, made)
    if averaged(step) is not None:
        weights = setup.runner.whole(evaluated(setup, state))
        versions = {"_average": join_variables(**weights)}
        metrics = measure(versions, evaluators, setup.runner, key)
    else:
        placed = setup.runner.place(state)
        metrics = evaluate(placed, evaluators, setup.groups, setup.runner, key)
    rows = [(name, f"{value:.4f}") for name, value in metrics.items()]
    display.table(f"{workdir} at step {made}", rows)
    if has_found(as_path(workdir)):
        display.line(
            "this is the network while it was searched; the one that was found: "
            f"effjax evaluate --workdir={workdir} --details"
        )
    return metrics
