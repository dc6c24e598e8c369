"""`effjax search --compare`: do the sizes that a search finds train better than others as dear?

Every arm gets sizes that cost at most the same, and a network with them is trained from scratch,
with the same seeds in every arm:

    found     the search as its config describes it
    uniform   one size everywhere
    random    allocations that are drawn and brought to the budget
    trim      no size predictor: trained at the largest size, then the energy rule and the repair
    free      a search in which every size is a parameter of its own

A search and a training are ordinary runs in folders of their own: the same command goes on where
it was stopped, and with more seeds or arms it makes those that are missing.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from effjax import models
from effjax.config import from_json
from effjax.errors import UserError, nearest
from effjax.report import Display, choose_display, format_seconds
from effjax.report.kernel_sizes import plot_arms
from effjax.report.statistics import Interval, t_interval
from effjax.runs.atomic import write_atomically
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.budget import UNITS
from effjax.search.kernel_sizes.discretise import repair
from effjax.search.kernel_sizes.found import SEARCH
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.run import check_is_search
from effjax.search.kernel_sizes.task import KernelSearch
from effjax.tasks.run import build, train

TABLE, PICTURE = "compare.json", "compare.png"
SEARCHES: dict[str, dict[str, Any]] = {
    "found": {},
    "trim": {"form": "two_sided", "weight": 0.0, "rule": "energy", "repair": True},
    "free": {"sizes": "free"},
}
METRIC, COMPILED = "top1", "perf/compile_sec"


@dataclasses.dataclass(frozen=True)
class Row:
    """One training: which arm and seed, with which sizes, at which cost, how well, how long.

    `seconds` are of the training, `search_seconds` of the search that found the sizes, 0 where
    there was none; `compiled` and `search_compiled` are what compiling took of them.
    """

    arm: str
    seed: int
    sizes: tuple[int, ...]
    cost: float
    top1: float
    seconds: float
    compiled: float
    search_seconds: float = 0.0
    search_compiled: float = 0.0


def compare(
    config: ml_collections.ConfigDict, workdir: Path, display: Display | None = None
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
    config = from_json(_plain(config), RunConfig)
    task = build(from_json(_plain(config), RunConfig)).task
    arms = _arms(task)
    if task.keys.compare_seeds < 1 or len(task.budgets) > 1:
        raise UserError("a comparison takes one budget and config.task.compare_seeds from 1 on")
    jobs = [(arm, seed) for seed in range(task.keys.compare_seeds) for arm in arms]
    rows: list[Row] = []
    for number, (arm, seed) in enumerate(jobs, 1):
        display.line(f"{number}/{len(jobs)}  {arm}, seed {seed}")
        sizes, search = arms[arm](config, workdir, seed)
        path = workdir / "architectures" / f"{arm}-s{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        architecture = task.with_sizes(sizes).architecture
        models.write_architecture(config.model.name.partition(".")[0], architecture, path)
        summary = _run(training_config(config, task.keys, path, seed), workdir / path.stem)
        metric = f"{next(iter(config.evals))}/{METRIC}"
        rows.append(
            Row(
                arm=arm,
                seed=seed,
                sizes=tuple(int(size) for size in sizes),
                cost=task.cost.exact(sizes),
                top1=summary["final"][metric],
                seconds=summary["wall_seconds"],
                compiled=summary["final"][COMPILED],
                search_seconds=search["wall_seconds"] if search else 0.0,
                search_compiled=search["final"][COMPILED] if search else 0.0,
            )
        )
        _write(rows, workdir, task)
    report(rows, task, workdir, display)
    return rows


def _plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    return json.loads(config.to_json_best_effort())


Summary = dict[str, Any]
# (config, workdir, seed) -> (sizes, the summary of the search that found them, if there was one)
Sizes = Callable[[ml_collections.ConfigDict, Path, int], tuple[Sequence[int], Summary | None]]


def _arms(task: KernelSearch) -> dict[str, Sizes]:
    """{arm: where its sizes come from}."""
    arms: dict[str, Sizes] = {}
    for name in task.keys.compare_arms:
        if name in SEARCHES:
            arms[name] = _searching(name, task)
        elif name == "uniform":
            arms[name] = lambda *_: (uniform_sizes(task), None)
        elif name == "random":
            for draw in range(task.keys.compare_random):
                sizes = random_sizes(task, draw)
                arms[f"random{draw}"] = lambda *_, sizes=sizes: (sizes, None)
        else:
            known = [*SEARCHES, "uniform", "random"]
            raise UserError(f"config.task.compare_arms: unknown {name!r}; {nearest(name, known)}")
    return arms


def _searching(name: str, task: KernelSearch) -> Sizes:
    def search(config: Any, workdir: Path, seed: int) -> tuple[Sequence[int], Summary]:
        plain = _plain(config)
        # more seeds or arms later are no other search
        section = {k: v for k, v in plain["task"].items() if not k.startswith("compare_")}
        plain["task"] = section | SEARCHES[name]
        plain["seed"], plain["evals"] = seed, {}  # what is asked of a search are the sizes
        own = from_json(plain, RunConfig)
        folder = workdir / f"search-{name}-s{seed}"
        summary = _run(own, folder)
        record = json.loads((folder / SEARCH).read_text())[0]
        return [record["sizes"][size] for size in task.sizes.names], summary

    return search


def _run(config: ml_collections.ConfigDict, workdir: Path) -> Mapping[str, Any]:
    """The summary of a run that is made, continued, or found finished with the same config."""
    return train(config, workdir, display=choose_display(quiet=True))


def uniform_sizes(task: KernelSearch) -> list[int]:
    """The largest size that fits everywhere."""
    fitting = [
        task.sizes.uniform(size)
        for size in range(1, task.keys.max_size + 1, 2)
        if task.cost.exact(task.sizes.uniform(size)) <= task.budgets[0]
    ]
    return fitting[-1].tolist()


def random_sizes(task: KernelSearch, draw: int) -> list[int]:
    """Sizes that are drawn evenly, then shrunk and grown in a random order to fill the budget."""
    rng = np.random.default_rng((7, draw))
    counts = [(int(k) + 1) // 2 for k in task.sizes.largest]
    worth = [rng.random(count) + 1e-3 for count in counts]
    start = [2 * int(rng.integers(count)) + 1 for count in counts]
    return repair(start, worth, task.cost.exact, task.budgets[0])


def training_config(
    config: ml_collections.ConfigDict, keys: SearchConfig, architecture: Path, seed: int
) -> ml_collections.ConfigDict:
    """The search's config as one that trains an architecture: same data, model and schedule."""
    plain = _plain(config)
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


# --------------------------------------------------------------------------------- what came out


def by_arm(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """{arm: its rows}; all random allocations are one arm, as their seeds' means are compared."""
    arms: dict[str, list[Row]] = {}
    for row in rows:
        arms.setdefault(row.arm, []).append(row)
    return arms


def paired(rows: Mapping[str, Sequence[Row]], arm: str, other: str) -> list[float]:
    """Differences in accuracy between two arms, seed by seed."""
    theirs = {row.seed: row.top1 for row in rows.get(other, ())}
    return [row.top1 - theirs[row.seed] for row in rows[arm] if row.seed in theirs]


def table_rows(rows: Sequence[Row], task: KernelSearch) -> list[list[str]]:
    """Rows of the table: arm, sizes, cost, accuracy, difference from uniform, share of search."""
    arms = by_arm(rows)
    lines = []
    for arm, own in arms.items():
        text = _in_percent(t_interval([row.top1 for row in own]), "")
        differences = paired(arms, arm, "uniform")
        difference = "-"
        if arm != "uniform" and differences:
            difference = _in_percent(t_interval(differences), "+")
        sizes = " ".join(map(str, own[0].sizes))
        cost = float(np.mean([row.cost for row in own])) / task.budgets[0]
        lines.append([arm, sizes, f"{cost:.3f}", text, difference, _share(own), str(len(own))])
    return lines


def _share(rows: Sequence[Row]) -> str:
    """The search's time as a share of the training's, and without compiling: "40% (12%)"."""
    search, compiled = (sum(getattr(row, f"search_{n}") for row in rows) for n in COLUMNS)
    if not search:
        return "-"
    total, ready = (sum(getattr(row, n) for row in rows) for n in COLUMNS)
    return f"{search / total:.0%} ({(search - compiled) / (total - ready):.0%})"


def _in_percent(interval: Interval, sign: str) -> str:
    """ "81.2 [80.1, 82.3]" of shares; a single value has no interval."""
    mean, low, high = (100 * v for v in (interval.estimate, interval.low, interval.high))
    if not math.isfinite(low):
        return f"{mean:{sign}.2f}"
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


COLUMNS = ("seconds", "compiled")
HEADER = (
    "arm",
    "sizes (seed 0)",
    "cost",
    "top-1, %",
    "points over uniform",
    "search (ready)",
    "runs",
)


def report(rows: Sequence[Row], task: KernelSearch, workdir: Path, display: Display) -> None:
    """Shows the table and draws the picture."""
    budget = task.cost.words(task.budgets[0])
    title = f"cost as a share of {budget}; means and 95 % intervals over seeds"
    display.table(title, table_rows(rows, task), HEADER, right=(2, 5, 6))
    spent = sum(row.seconds + row.search_seconds for row in rows)
    display.line(f"all runs together took {format_seconds(spent)}; picture: {workdir / PICTURE}")


def _write(rows: Sequence[Row], workdir: Path, task: KernelSearch) -> None:
    """compare.json and compare.png as they stand."""
    data = [dataclasses.asdict(row) for row in rows]
    write_atomically(workdir / TABLE, json.dumps(data, indent=1) + "\n")
    arms = by_arm(rows)
    plot_arms(
        {arm: [(row.cost, row.top1) for row in own] for arm, own in arms.items()},
        {arm: t_interval([row.top1 for row in own]) for arm, own in arms.items()},
        workdir / PICTURE,
        unit=UNITS[task.keys.cost],
        title=f"{workdir}: budget {task.cost.words(task.budgets[0])}",
    )
