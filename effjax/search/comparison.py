"""`effjax search --compare`: is what a strategy finds better than what costs nothing to find?

Arms: the strategy of the config, those of `compare_with`, and always `random` (with as many
evaluations), `params` and `macs` (the largest network within the budget; nothing is evaluated).
Each arm searches with each seed, and what it has found is trained from scratch with that seed. With
a table both are looked up, and twenty seeds take seconds.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import ml_collections
import numpy as np

from effjax.costs import UNITS
from effjax.report import Display, format_seconds
from effjax.report.kernel_sizes import plot_arms
from effjax.report.metric_names import less_is_better
from effjax.report.search import plot_progress
from effjax.report.statistics import t_interval
from effjax.runs.atomic import write_atomically
from effjax.search.found import Found, write
from effjax.search.objectives import ByTable, ByTraining, seconds_of_row
from effjax.search.options import Search
from effjax.search.problem import NO_VALUE, Problem
from effjax.search.record import check_same_search
from effjax.search.space import Point
from effjax.search.time_taken import NO_TIME, Seconds
from effjax.search.verb import LATENCY, Runner, images_of, make_problem, run
from effjax.trials.paired import ABSENT, PairedTable, Result, describe_difference
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import Trial

BASELINES = ("random", "params", "macs")
BASE = "random"
SEEDS_OF_A_TABLE = 20
COMPARE, PICTURE, PROGRESS = "compare.json", "compare.png", "progress.png"


@dataclasses.dataclass(frozen=True)
class Row:
    """What one arm found with one seed, and what it is worth.

    Attributes:
      arm, seed: of the search and of the training.
      point: what was found.
      cost: in the unit of the first budget, or multiply-adds.
      value: the metric of the whole training; None where there is none, `reason` says why.
      spent: evaluations of the search, shares of whole ones added up.
      search: seconds of the search, whatever it consisted of.
      training: seconds of the training of what was found; none where they are not known.
      progress: the best value after each evaluation of the search.
    """

    arm: str
    seed: int
    point: Point
    cost: float
    value: float | None
    reason: str
    spent: float
    search: Seconds
    training: Seconds
    progress: tuple[float, ...] = ()


def compare(
    config: ml_collections.ConfigDict,
    wanted: Search,
    workdir: Path,
    display: Display,
    runner: Runner | None = None,
) -> list[Row]:
    """Runs what is missing of a comparison, and shows it.

    Args:
      config: of the trainings.
      wanted: the search of the config file.
      workdir: for searches, trainings, compare.json and pictures.

    Raises:
      UserError: anything that cannot be done.
    """
    runner = runner or Runner()
    if wanted.latency_table is None:
        # one for all: what is measured twice differs, and so would what the budget allows
        wanted = dataclasses.replace(wanted, latency_table=str(workdir / LATENCY))
    arms = dict.fromkeys([wanted.strategy, *wanted.compare_with, *BASELINES])
    seeds = wanted.compare_seeds
    if wanted.table is not None:
        seeds = max(seeds, SEEDS_OF_A_TABLE)
    rows: list[Row] = []
    unit = wanted.budgets[0].unit if wanted.budgets else "macs"
    metric = wanted.metric
    images = images_of(config)
    for seed in range(seeds):
        for arm in arms:
            own = arm_search(wanted, arm)
            folder = workdir / f"search-{arm}-s{seed}"
            check_same_search(own, seed, folder)
            problem = make_problem(config, own, folder, display, seed, runner, images)
            metric = problem.metric
            found = run(arm, problem, **own.options)
            if wanted.table is None:
                write(found, problem, folder)
            rows.append(_row(arm, found, problem, unit, workdir, runner))
            _write(rows, workdir, metric)
            best = problem.table.best().value if problem.table is not None else None
        # trainings take long: what is known is shown after each seed
        if wanted.table is None or seed == seeds - 1:
            draw(rows, workdir, unit, metric, best)
            report(rows, workdir, display, metric, wanted.share)
    return rows


def arm_search(
    wanted: Search,
    arm: str,
) -> Search:
    """The search of an arm, with its own options."""
    options = wanted.options if arm == wanted.strategy else wanted.compare_options.get(arm, {})
    return dataclasses.replace(wanted, strategy=arm, options=options)


def _row(
    arm: str,
    found: Found,
    problem: Problem,
    unit: str,
    workdir: Path,
    runner: Runner,
) -> Row:
    """Trains what was found, or looks it up."""
    if isinstance(problem.objective, ByTable):
        known = problem.objective.table.row(found.point)
        value, reason, training = known.value, "", seconds_of_row(known)
    else:
        trainings = ByTraining(
            config=problem.config,
            space=problem.space,
            workdir=workdir / f"found-s{problem.seed}",
            metric=problem.metric,
            seed=problem.seed,
            display=problem.display,
            runner=runner.name,
            workers=runner.workers,
            ray=runner.ray,
        )
        (score,) = trainings([found.point], 1.0)
        sign = -1.0 if less_is_better(problem.metric) else 1.0
        value = None if score.value is None else sign * score.value
        reason, training = score.reason, score.took
    return Row(
        arm=arm,
        seed=problem.seed,
        point=found.point,
        cost=problem.cost(found.point, unit),
        value=value,
        reason=reason,
        spent=problem.spent,
        search=found.took,
        training=training,
        progress=_progress(found),
    )


def _progress(found: Found) -> tuple[float, ...]:
    """The best value of whole trainings after each evaluation."""
    values = [entry.value if entry.share == 1.0 else NO_VALUE for entry in found.history]
    return tuple(itertools.accumulate(values, max))


# ------------------------------------------------------------------------------ what came out


def paired(
    rows: Sequence[Row],
    metric: str,
) -> PairedTable:
    """Values by arm and seed, with differences from random search seed by seed."""
    return PairedTable(results_of(rows), metric, base=BASE)


def results_of(rows: Sequence[Row]) -> list[Result]:
    """What each arm ended with for each seed."""
    results = []
    for row in rows:
        trial = Trial(variant=row.arm, seed=row.seed)
        results.append(Result(trial, row.value, row.reason))
    return results


def table_rows(
    rows: Sequence[Row],
    metric: str,
    share: float = 1.0,
) -> list[list[str]]:
    """A row an arm: its value, its difference from random, the verdict, cost and search."""
    table = paired(rows, metric)
    lines = []
    for arm in table.variants:
        own = [row for row in rows if row.arm == arm]
        interval = table.interval(arm)
        value = f"{interval.estimate:.4f}"
        if math.isfinite(interval.low):
            value += f" [{interval.low:.4f}, {interval.high:.4f}]"
        difference, verdict = "", "base"
        if arm != BASE:
            difference = describe_difference(table.difference(arm))
            verdict = table.verdict(arm)
        cost = float(np.mean([row.cost for row in own]))
        evaluated = share * float(np.mean([row.spent for row in own]))
        numbers = [f"{cost:,.6g}", f"{evaluated:.3g}", search_time(own), str(len(own))]
        lines.append([arm, value, difference, verdict, *numbers])
    return lines


def search_time(rows: Sequence[Row]) -> str:
    """The searches' seconds over those of the trainings, and both without compiling: "6.1 (4.2)".

    A training takes 1. Strategies differ in what they do: evaluations, scores, a supernet. Seconds
    are the only unit that all of them have.
    """
    search = sum((row.search for row in rows), NO_TIME)
    training = sum((row.training for row in rows), NO_TIME)
    if not training.whole:
        return ABSENT
    text = f"{search.whole / training.whole:.2g}"
    if training.compiling:
        text += f" ({search.working / training.working:.2g})"
    return text


def report(
    rows: Sequence[Row],
    workdir: Path,
    display: Display,
    metric: str,
    share: float,
) -> None:
    """Shows the table, what failed, and where the pictures are."""
    measured = (metric, f"minus {BASE}", "verdict", "cost")
    header = ("arm", *measured, "evaluated", "search time", "seeds")
    title = "what was found, trained from scratch; means and 95 % intervals over seeds"
    display.table(title, table_rows(rows, metric, share), header, right=(4, 5, 6, 7))
    display.line(
        "evaluated: in whole trainings; search time: over that of training what was found, and "
        "(without compiling)"
    )
    for row in rows:
        if row.value is None:
            display.line(f"{row.arm}, seed {row.seed} does not count: {row.reason}")
    spent = format_seconds(sum(row.search.whole for row in rows))
    display.line(f"all searches together took {spent}; pictures: {workdir / PICTURE}")


def _write(
    rows: Sequence[Row],
    workdir: Path,
    metric: str,
) -> None:
    """compare.json and runs.csv as they stand."""
    data = []
    for row in rows:
        line = dataclasses.asdict(row)
        line["progress"] = [None if value == NO_VALUE else value for value in row.progress]
        data.append(line)
    write_atomically(workdir / COMPARE, json.dumps(data, indent=1) + "\n")
    write_runs(workdir, metric, results_of(rows))


def draw(
    rows: Sequence[Row],
    workdir: Path,
    unit: str,
    metric: str,
    best: float | None = None,
) -> None:
    """The pictures: values against costs, and progress against evaluations."""
    points, intervals, curves = {}, {}, {}
    for arm in dict.fromkeys(row.arm for row in rows):
        own = [row for row in rows if row.arm == arm]
        measured = [(row.cost, row.value) for row in own if row.value is not None]
        if measured:
            points[arm] = measured
            intervals[arm] = t_interval([value for _, value in measured])
        progress = [row.progress for row in own if row.progress and NO_VALUE not in row.progress]
        if progress:
            curves[arm] = progress
    if points:
        axis = UNITS[unit] if unit in ("params", "macs") else f"{unit}, {UNITS[unit]}"
        plot_arms(points, intervals, workdir / PICTURE, axis, str(workdir), metric)
    if curves:
        plot_progress(curves, workdir / PROGRESS, f"{workdir}: {metric}", best)
