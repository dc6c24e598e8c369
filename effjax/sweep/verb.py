"""The verb: plans the runs of a sweep, trains what is not over, writes the report."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display, choose_display
from effjax.runs.continuing import check_continues
from effjax.sweep.report import write_report
from effjax.trials.estimate import estimate, show_estimate
from effjax.trials.plan import Plan, make_plan, make_trial, read_sweep
from effjax.trials.runners import run_here, run_local, unfinished
from effjax.trials.same_data import check_trials_data
from effjax.trials.suggest import SEARCHES, Suggestions
from effjax.trials.trial import RunTrial
from effjax.trials.worker import forget_failure

# in this process, in several of this machine, wherever Ray has room
RUNNERS = ("here", "local", "ray")


def sweep(
    spec: str,
    workdir: Path,
    *,
    overrides: Sequence[str] = (),
    runner: str = "here",
    workers: int = 2,
    retry: bool = False,
    only_report: bool = False,
    ray: Mapping[str, Any] | None = None,
    search: str = "none",
    metric: str | None = None,
    dry_run: bool = False,
    price: float | None = None,
    display: Display | None = None,
) -> Path | None:
    """Trains the variants of a config file and writes one table and plots.

    Args:
      spec: `path.py[:arg]` of a config with `sweep()`.
      workdir: each run is an ordinary run's folder below; the same folder continues.
      overrides: `--config.key=value`, for all variants.
      runner: "here", "local" (processes of this machine) or "ray".
      workers: processes of "local".
      retry: try again what failed.
      only_report: train nothing.
      ray: see `effjax.trials.ray_runner.RayOptions`.
      search: "optuna": the variants are chosen from the ranges of the config's space, one after
        another, with the first seed.
      metric: what is compared; None: what the config says.
      dry_run: train and write nothing, and say how long it would take.
      price: of an hour of one run's machine, for a dry run.

    Returns:
      The path of report.html; None after a dry run.

    Raises:
      UserError: anything the user can mend; a run that raises is a row instead.
    """
    check_flags(runner, workers, search)
    display = display or choose_display()
    with contextlib.closing(display):
        suggestions = suggest(spec, overrides, workdir) if search != "none" else None
        plan = suggestions.plan() if suggestions else make_plan(spec, overrides, workdir)
        if metric is not None:
            plan = dataclasses.replace(plan, metric=metric)
        for trial in plan.trials:
            check_continues(trial.workdir, View(trial.config), extend=False)
            if retry:  # before what is over is counted
                forget_failure(trial.workdir)
        todo = unfinished(plan.trials)
        over = len(plan.trials) - len(todo)
        display.line(
            f"{len(plan.variants)} variants, {len(plan.trials)} runs, {over} of them are over"
        )
        if dry_run:
            if todo:
                at_once = workers if runner == "local" else 1
                show_estimate(estimate(todo, display), display, at_once, price)
            return None
        # opening the data takes seconds: not where nothing will be trained
        if todo and not only_report:
            check_trials_data(plan.trials)
        if not only_report:
            start = Starter(runner, workers, ray or {}, plan.metric, workdir, display)
            if suggestions is None:
                start(todo, len(todo))
            else:
                _train_suggested(suggestions, plan, start, display)
                # with what was chosen meanwhile
                plan = suggestions.plan()
        return write_report(plan, workdir, f"Sweep {spec}", display)


def check_flags(runner: str, workers: int, search: str) -> None:
    """Refuses flags that are no choice.

    Raises:
      UserError: naming the flag and what it may be.
    """
    if runner not in RUNNERS:
        raise UserError(f"--runner={runner}: expected one of {', '.join(RUNNERS)}")
    if workers < 1:
        raise UserError(f"--workers={workers}; give 1 or more")
    if search not in SEARCHES:
        raise UserError(f"--search={search}: expected one of {', '.join(SEARCHES)}")


def suggest(spec: str, overrides: Sequence[str], workdir: Path) -> Suggestions:
    """What Optuna has chosen so far, beside the config as it is."""
    found = read_sweep(spec)
    make = functools.partial(make_trial, spec, overrides, seed=found.seeds[0], workdir=workdir)
    base = Plan((make("as it is", {}),), found.metric, "as it is")
    return Suggestions(found.variants, base, make, workdir)


@dataclasses.dataclass(frozen=True)
class Starter:
    """Hands runs to the runner that the user has named."""

    runner: str
    workers: int
    ray: Mapping[str, Any]
    metric: str
    workdir: Path
    display: Display

    def __call__(
        self, trials: Iterable[RunTrial], count: int, suggestions: Suggestions | None = None
    ) -> None:
        """Trains `count` runs. Ray asks `suggestions` itself, from a process of its own."""
        if not count:
            return
        if self.runner == "here":
            run_here(trials, count, self.display)
        elif self.runner == "local":
            run_local(trials, count, self.display, self.workers)
        else:
            # Ray takes seconds to import, and need not be installed
            from effjax.trials.ray_runner import run_ray

            listed = [] if suggestions else list(trials)
            run_ray(
                listed,
                self.metric,
                self.workdir,
                self.display,
                suggestions=suggestions,
                **self.ray,
            )


def _train_suggested(
    suggestions: Suggestions, plan: Plan, start: Starter, display: Display
) -> None:
    # first, and here: the search is compared with the config as it is, however far it gets
    base = [trial for trial in unfinished(plan.trials) if trial.variant == plan.base]
    if base:
        run_here(base, len(base), display)
    # upcoming() is a generator: a run is chosen when there is room for it, not before
    start(suggestions.upcoming(), suggestions.left(), suggestions)
