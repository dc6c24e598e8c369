"""A search in one call: a strategy on a problem; and the one of a config file.

found = run("evolution", Problem(space, ByFunction(score), evaluations=50), population=8)
"""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from effjax.costs import PartsTable
from effjax.errors import UserError
from effjax.report import Display, format_seconds
from effjax.report.metric_names import less_is_better
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.search.costing import PointCosts
from effjax.search.found import PICTURE, Found, make_found, write
from effjax.search.objectives import (
    RUNNERS,
    ByFunction,
    ByTable,
    ByTraining,
    Objective,
    Shortened,
)
from effjax.search.options import Search, bind_options
from effjax.search.problem import Problem, Spent
from effjax.search.record import check_same_search
from effjax.search.registry import Chosen, find_strategy
from effjax.search.space import Point
from effjax.search.table import read_table
from effjax.tasks.run import build

LATENCY = "latency.json"


@dataclasses.dataclass(frozen=True)
class Runner:
    """Where trainings run, see `effjax.search.objectives.ByTraining`."""

    name: str = "here"
    workers: int = 2
    ray: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in RUNNERS:
            raise UserError(f"--runner={self.name}: expected one of {', '.join(RUNNERS)}")
        if self.workers < 1:
            raise UserError(f"--workers={self.workers}; give 1 or more")


def run(
    strategy: str,
    problem: Problem,
    **options: Any,
) -> Found:
    """Lets a strategy search.

    Args:
      strategy: a registered name, or "package.module:function".
      problem: what it searches.
      **options: its own.

    Raises:
      UserError: an unknown strategy or option, or nothing that could be evaluated.
    """
    bound = bind_options(strategy, find_strategy(strategy), options)
    with problem.watch.running():
        try:
            chosen = bound(problem)
        except Spent:
            chosen = None
    if not isinstance(chosen, Chosen):
        chosen = Chosen(_best_point(problem) if chosen is None else chosen)
    return make_found(strategy, problem, chosen)


def _best_point(problem: Problem) -> Point:
    best = problem.best
    if best is None:
        raise UserError("nothing was evaluated; give more evaluations")
    if best.value == float("-inf"):
        first = problem.history[0]
        raise UserError(f"none of the networks has a value; the first: {first.reason}")
    return best.point


# ------------------------------------------------------------------------ that of a config file


def search(
    config: ml_collections.ConfigDict,
    wanted: Search,
    workdir: Path,
    display: Display,
    seed: int | None = None,
    runner: Runner | None = None,
) -> Found:
    """Searches as a config file says, or goes on in `workdir`, and shows what was found.

    Args:
      config: of the trainings.
      wanted: the search.
      workdir: for evaluations, what was found, and a picture.
      seed: None: that of the config.

    Raises:
      UserError: anything in the config that cannot be done, or the folder is another search's.
    """
    seed = config.seed if seed is None else seed
    check_same_search(wanted, seed, workdir)
    problem = make_problem(config, wanted, workdir, display, seed, runner)
    found = run(wanted.strategy, problem, **wanted.options)
    write(found, problem, workdir)
    show(found, problem, display)
    display.line(f"architecture: {workdir / FOUND_ARCHITECTURE}, picture: {workdir / PICTURE}")
    display.line(
        f"train it: effjax train --config=F --config.model.name={problem.space.name} "
        f"--config.model.arch={workdir / FOUND_ARCHITECTURE}{_size_flag(problem, found)}"
    )
    return found


def _size_flag(
    problem: Problem,
    found: Found,
) -> str:
    side = problem.space.resolution(found.point)
    return "" if side is None else f" --config.data.image_size={side}"


class Images(NamedTuple):
    """The shape of an image [H, W, C], and how many classes there are."""

    shape: tuple[int, int, int]
    classes: int


def images_of(config: ml_collections.ConfigDict) -> Images:
    """What the data of a config says of the networks; raises UserError where it cannot be built."""
    # of a copy: building a task may write into the config
    task = build(config.copy_and_resolve_references()).task
    height, width, channels = (int(size) for size in task.split.image_shape)
    classes = config.model.num_classes or task.split.num_classes
    return Images((height, width, channels), classes)


def make_problem(
    config: ml_collections.ConfigDict,
    wanted: Search,
    workdir: Path,
    display: Display,
    seed: int,
    runner: Runner | None = None,
    images: Images | None = None,
) -> Problem:
    """The problem that a config file describes.

    Args:
      images: what `images_of` has said, where many problems are of one config.

    Raises:
      UserError: anything that cannot be done.
    """
    images = images or images_of(config)
    own = wanted.latency_table is None
    path = workdir / LATENCY if own else Path(wanted.latency_table)
    parts = PartsTable(path, config.data.batch_size)
    dtype = config.model.dtype
    counted = PointCosts(wanted.space, images.shape, images.classes, parts, dtype)
    problem = Problem(
        wanted.space,
        _objective(config, wanted, workdir, display, seed, runner or Runner()),
        wanted.evaluations,
        budgets=wanted.budgets,
        costs=counted,
        seed=seed,
        workdir=workdir,
        config=config,
        display=display,
    )
    if wanted.proxy is not None:
        problem.objective = ByFunction(
            functools.partial(_proxy, problem, wanted.proxy), wanted.proxy
        )
    return problem


def _objective(
    config: ml_collections.ConfigDict,
    wanted: Search,
    workdir: Path,
    display: Display,
    seed: int,
    runner: Runner,
) -> Objective:
    if wanted.table is not None:
        table = read_table(Path(wanted.table))
        if table.space.spec() != wanted.space.spec():
            raise UserError(
                f"{wanted.table} is of another space than the config searches\n"
                "take the config that made it, or make a table of this space"
            )
        return ByTable(table)
    training = ByTraining(
        config=config,
        space=wanted.space,
        workdir=workdir / "trainings",
        metric=wanted.metric,
        seed=seed,
        display=display,
        runner=runner.name,
        workers=runner.workers,
        ray=runner.ray,
    )
    return training if wanted.share == 1.0 else Shortened(training, wanted.share)


def _proxy(
    problem: Problem,
    name: str,
    point: Point,
) -> float:
    """A zero-cost score of a fresh network on the first batch."""
    # a folder of its own, which only this needs
    import jax

    from effjax.search import proxies

    images, labels = problem.batch(0)
    model = problem.model(point)
    variables = model.init(jax.random.key(problem.seed), images)
    return proxies.score(name, model, variables, images, labels)


def show(
    found: Found,
    problem: Problem,
    display: Display,
) -> None:
    """Shows the choice: each option, its value and costs, and how many were evaluated."""
    idle = problem.space.is_idle(found.point)
    rows = []
    for (path, option), unused in zip(found.options.items(), idle):
        rows.append((path, "-" if unused else str(option)))
    for unit, cost in found.costs.items():
        rows.append((unit, f"{cost:,.6g}" if unit == "latency" else f"{cost:,}"))
    if found.value is not None:
        sign = -1 if less_is_better(problem.metric) else 1
        rows.append((problem.metric, f"{sign * found.value:.4f}"))
    display.table(f"found by {found.strategy}", rows, ("choice", "option"), right=(1,))
    evaluated = f"{problem.spent:g} evaluations of {problem.space.size:,} points"
    display.line(f"{evaluated}; the search took {format_seconds(found.took.whole)}")
    if found.front:
        display.line(f"front: {len(found.front)} networks, architecture-front*.json")
