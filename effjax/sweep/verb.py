"""The verb: plan, train what is not over, tell."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display, choose_display
from effjax.runs.folder import check_continues
from effjax.sweep.outcome import write_outcome
from effjax.trials.plan import Plan, make_plan, make_trial, read_sweep
from effjax.trials.runners import run_here, run_local
from effjax.trials.suggest import SEARCHES, Suggestions
from effjax.trials.worker import FAILED, is_over

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
    display: Display | None = None,
) -> Path:
    """Trains the variants of a config file and writes one table and plots.

    Args:
      spec: `path.py[:arg]` of a config with `sweep()`.
      workdir: each run is an ordinary run's folder below; the same folder continues.
      overrides: `--config.key=value`, for all variants.
      runner: "here", "local" (processes of this machine) or "ray".
      workers: processes of "local".
      retry: try again what failed.
      only_report: train nothing.
      ray: arguments of `effjax.trials.ray_runner.run_ray`.
      search: "optuna" (with the runner "ray"): the variants are chosen from the ranges of the
        config's space, one after another, with the first seed.

    Returns:
      The path of report.html.

    Raises:
      UserError: anything the user can mend; a run that raises is a row instead.
    """
    if runner not in RUNNERS:
        raise UserError(f"--runner={runner}: expected one of {', '.join(RUNNERS)}")
    if workers < 1:
        raise UserError(f"--workers={workers}; give 1 or more")
    if search not in SEARCHES:
        raise UserError(f"--search={search}: expected one of {', '.join(SEARCHES)}")
    if search != "none" and runner != "ray":
        raise UserError(f"--search={search} needs --runner=ray")
    display = display or choose_display()
    with contextlib.closing(display):
        suggestions = suggest(spec, overrides, workdir) if search != "none" else None
        plan = suggestions.plan() if suggestions else make_plan(spec, overrides, workdir)
        for trial in plan.trials:
            check_continues(trial.workdir, View(trial.config), extend=False)
        if retry:
            for trial in plan.trials:
                (trial.workdir / FAILED).unlink(missing_ok=True)
        todo = [trial for trial in plan.trials if not is_over(trial.workdir)]
        display.line(
            f"{len(plan.variants)} variants, {len(plan.trials)} runs, "
            f"{len(plan.trials) - len(todo)} of them are over"
        )
        if suggestions and not only_report:
            from effjax.trials.ray_runner import run_ray

            base = [trial for trial in todo if trial.variant == plan.base]
            if base:
                run_here(base, display)
            if suggestions.left():
                run_ray([], plan.metric, workdir, display, suggestions=suggestions, **(ray or {}))
            plan = suggestions.plan()
        elif todo and not only_report:
            if runner == "here":
                run_here(todo, display)
            elif runner == "local":
                run_local(todo, display, workers)
            else:
                from effjax.trials.ray_runner import run_ray

                run_ray(todo, plan.metric, workdir, display, **(ray or {}))
        return write_outcome(plan, workdir, f"Sweep {spec}", display)


def suggest(spec: str, overrides: Sequence[str], workdir: Path) -> Suggestions:
    """What Optuna has chosen so far, beside the config as it is."""
    found = read_sweep(spec)
    seed = found.seeds[0]
    make = functools.partial(make_trial, spec, overrides, seed=seed, workdir=workdir)
    base = Plan((make("as it is", {}),), found.metric, "as it is")
    return Suggestions(found.variants, base, make, workdir)
