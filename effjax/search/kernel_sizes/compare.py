"""`effjax search --compare`: do found sizes train better than alternatives at the same cost?

Every arm (see `arms`) chooses sizes that cost at most the budget, and a network with them is
trained from scratch, with the same seeds in every arm.

A search and a training are ordinary runs in folders of their own: the same command goes on where
it was stopped, and with more seeds or arms it makes those that are missing.
"""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import ml_collections
import numpy as np

from effjax import models
from effjax.config import from_json
from effjax.costs import UNITS
from effjax.errors import UserError
from effjax.report import Display, choose_display, format_seconds
from effjax.report.kernel_sizes import plot_arms
from effjax.report.statistics import Interval, t_interval
from effjax.runs.atomic import write_atomically
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.arms import Chosen, make_arms, to_plain
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.run import check_is_search
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.search.time_taken import seconds_of
from effjax.tasks.run import build
from effjax.trials.outcome import read_result
from effjax.trials.paired import PairedTable, Result
from effjax.trials.runners import run_here
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import RunTrial, Trial

TABLE, PICTURE = "compare.json", "compare.png"
METRIC = "top1"
BASE = "uniform"
ABSENT = "-"
HEADER = (
    "arm",
    "sizes (seed 0)",
    "cost",
    "top-1, %",
    "points over uniform",
    "search (ready)",
    "runs",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: which arm and seed, with which sizes, at which cost, how well, how long.

    `seconds` are of the training, `search_seconds` of the search that found the sizes, 0 where
    there was none; `compiled` and `search_compiled` are what compiling took of them. `top1` is
    None where the training has no final value; `reason` then says why.
    """

    arm: str
    seed: int
    sizes: tuple[int, ...]
    cost: float
    top1: float | None
    seconds: float
    compiled: float
    search_seconds: float = 0.0
    search_compiled: float = 0.0
    reason: str = ""


def compare(
    config: ml_collections.ConfigDict,
    workdir: Path,
    display: Display | None = None,
) -> list[Row]:
    """Runs what is missing of a comparison and shows where it stands.

    Args:
      config: of a search; its keys `task.compare_*` say what is compared.
      workdir: for searches, trainings, compare.json and compare.png.
      display: where progress and the table go.

    Raises:
      UserError: an unknown arm, or anything else in the config that cannot be done.
    """
    display = display or choose_display()
    check_is_search(config)
    config = from_json(to_plain(config), RunConfig)
    # of a copy: building a task writes the fields of `model.arch` into its config
    net: Supernet = build(from_json(to_plain(config), RunConfig)).task.supernet
    _check_comparable(net)
    arms = make_arms(net)
    jobs = [(arm, seed) for seed in range(net.keys.compare_seeds) for arm in arms]
    metric = f"{next(iter(config.evals))}/{METRIC}"
    rows: list[Row] = []

    def upcoming() -> Iterator[RunTrial]:
        for arm, seed in jobs:
            chosen = arms[arm](config, workdir, seed)
            trial = _trial(config, net, chosen, workdir, arm, seed)
            yield trial
            # the runner has come back for the next one, so this one has ended
            rows.append(_row(read_result(trial, metric), chosen, net))
            _write(rows, workdir, net)

    run_here(upcoming(), len(jobs), display)
    report(rows, net, workdir, display)
    return rows


def _check_comparable(net: Supernet) -> None:
    if len(net.budgets) > 1:
        raise UserError(
            f"a comparison takes one budget; config.task.budget_sizes = {net.keys.budget_sizes}"
        )


def _trial(
    config: ml_collections.ConfigDict,
    net: Supernet,
    chosen: Chosen,
    workdir: Path,
    arm: str,
    seed: int,
) -> RunTrial:
    """The training of a network with the chosen sizes; writes its architecture."""
    name = f"{arm}-s{seed}"
    path = workdir / "architectures" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    architecture = net.with_sizes(chosen.sizes).architecture
    models.write_architecture(models.without_tag(config.model.name), architecture, path)
    own = training_config(config, net.keys, path, seed)
    return RunTrial(variant=arm, seed=seed, config=own, workdir=workdir / name)


def training_config(
    config: ml_collections.ConfigDict,
    keys: SearchConfig,
    architecture: Path,
    seed: int,
) -> ml_collections.ConfigDict:
    """The search's config as one that trains an architecture: same data, model and schedule."""
    plain = to_plain(config)
    # of the search's keys only the loss means something to a classification
    loss = {"loss": plain["task"]["loss"]} if "loss" in plain["task"] else {}
    plain["task"] = {"name": "classification", **loss}
    plain["optim"] = {"default": plain["optim"]["default"]}
    plain["model"]["arch"] = str(architecture)
    plain["seed"] = seed
    if keys.compare_epochs is not None:
        for unit in ("steps", "examples", "percent"):
            plain[f"total_{unit}"] = None
        plain["total_epochs"] = keys.compare_epochs
    return from_json(plain, RunConfig)


def _row(result: Result, chosen: Chosen, net: Supernet) -> Row:
    """What came of a training."""
    training = seconds_of(result.facts["summary"])
    search = seconds_of(chosen.search)
    return Row(
        arm=result.trial.variant,
        seed=result.trial.seed,
        sizes=tuple(int(size) for size in chosen.sizes),
        cost=net.cost.exact(chosen.sizes),
        top1=result.value,
        seconds=training.whole,
        compiled=training.compiling,
        search_seconds=search.whole,
        search_compiled=search.compiling,
        reason=result.reason,
    )


# --------------------------------------------------------------------------------- what came out


def by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """{arm: its rows}."""
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(row.arm, []).append(row)
    return arms


def paired(rows: Sequence[Row]) -> PairedTable:
    """The accuracies by arm and seed, with differences from `BASE` seed by seed."""
    return PairedTable(results_of(rows), METRIC, base=BASE)


def results_of(rows: Sequence[Row]) -> list[Result]:
    """What each arm ended with for each seed."""
    results = []
    for row in rows:
        trial = Trial(variant=row.arm, seed=row.seed)
        results.append(Result(trial, row.top1, row.reason))
    return results


def table_rows(rows: Sequence[Row], net: Supernet) -> list[list[str]]:
    """Rows of the table, with the columns of `HEADER`."""
    table = paired(rows)
    lines = []
    for arm, own in by_arm(rows).items():
        difference = None if arm == BASE else table.difference(arm)
        cost = float(np.mean([row.cost for row in own])) / net.budgets[0]
        lines.append(
            [
                arm,
                " ".join(map(str, own[0].sizes)),
                f"{cost:.3f}",
                _in_percent(table.interval(arm), ""),
                _in_percent(difference, "+"),
                _share(own),
                str(len(own)),
            ]
        )
    return lines


def _share(rows: Sequence[Row]) -> str:
    """The search's time as a share of the training's, and without compiling: "40% (12%)"."""
    search = sum(row.search_seconds for row in rows)
    training = sum(row.seconds for row in rows)
    if not search or not training:
        return ABSENT
    ready_search = search - sum(row.search_compiled for row in rows)
    ready_training = training - sum(row.compiled for row in rows)
    return f"{search / training:.0%} ({ready_search / ready_training:.0%})"


def _in_percent(interval: Interval | None, sign: str) -> str:
    """ "81.2 [80.1, 82.3]" of shares; a single value has no interval."""
    if interval is None or not math.isfinite(interval.estimate):
        return ABSENT
    mean = f"{100 * interval.estimate:{sign}.2f}"
    if not math.isfinite(interval.low):
        return mean
    return f"{mean} [{100 * interval.low:{sign}.2f}, {100 * interval.high:{sign}.2f}]"


def report(rows: Sequence[Row], net: Supernet, workdir: Path, display: Display) -> None:
    """Shows the table, what failed, the time that all runs took, and where the picture is."""
    budget = net.cost.describe(net.budgets[0])
    title = f"cost as a share of {budget}; means and 95 % intervals over seeds"
    display.table(title, table_rows(rows, net), HEADER, right=(2, 5, 6))
    for row in rows:
        if row.top1 is None:
            display.line(f"{row.arm}, seed {row.seed} does not count: {row.reason}")
    spent = sum(row.seconds + row.search_seconds for row in rows)
    display.line(f"all runs together took {format_seconds(spent)}; picture: {workdir / PICTURE}")


def _write(rows: Sequence[Row], workdir: Path, net: Supernet) -> None:
    """compare.json, runs.csv and compare.png as they stand."""
    data = [dataclasses.asdict(row) for row in rows]
    write_atomically(workdir / TABLE, json.dumps(data, indent=1) + "\n")
    write_runs(workdir, METRIC, results_of(rows))
    points, intervals = {}, {}
    for arm, own in by_arm(rows).items():
        measured = [(row.cost, row.top1) for row in own if row.top1 is not None]
        if measured:
            points[arm] = measured
            intervals[arm] = t_interval([top1 for _, top1 in measured])
    if not points:
        return
    plot_arms(
        points,
        intervals,
        workdir / PICTURE,
        unit=UNITS[net.keys.cost],
        title=f"{workdir}: budget {net.cost.describe(net.budgets[0])}",
    )
