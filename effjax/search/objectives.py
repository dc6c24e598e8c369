"""How good a point is: by a function, by a table, by a zero-cost score, by a real training.

An objective takes points and returns a value for each; greater is better. `share` is the part of a
whole training that may be spent on it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ml_collections

from effjax import models
from effjax.config import UNITS as DURATIONS
from effjax.config import from_json
from effjax.errors import UserError
from effjax.report import Display
from effjax.report.metric_names import less_is_better
from effjax.runs.schema import RunConfig
from effjax.search.space import ArchSpace, Point
from effjax.search.table import Row, Table
from effjax.search.time_taken import NO_TIME, Seconds, seconds_of
from effjax.trials.outcome import read_result
from effjax.trials.runners import run_here, run_local, unfinished
from effjax.trials.trial import RunTrial

RUNNERS = ("here", "local", "ray")


@dataclasses.dataclass(frozen=True)
class Score:
    """What came of evaluating a point.

    Attributes:
      value: greater is better; None where there is none.
      reason: why there is none.
      took: seconds; 0 where it does not say.
    """

    value: float | None
    reason: str = ""
    took: Seconds = NO_TIME


class Objective(Protocol):
    """Says how good points are."""

    metric: str  # what the values are; where less is better, they are negated
    has_shares: bool  # whether a part of a training can be asked for

    def __call__(
        self,
        points: Sequence[Point],
        share: float,
    ) -> list[Score]:
        """A score for each point."""


@dataclasses.dataclass(frozen=True)
class ByFunction:
    """A function of the point, such as a zero-cost score."""

    function: Callable[[Point], float]
    metric: str = "score"
    has_shares: bool = False

    def __call__(
        self,
        points: Sequence[Point],
        share: float,
    ) -> list[Score]:
        return [Score(float(self.function(point))) for point in points]


@dataclasses.dataclass(frozen=True)
class ByTable:
    """The values of a table, means over its seeds."""

    table: Table
    has_shares: bool = False

    @property
    def metric(self) -> str:
        return self.table.metric

    def __call__(
        self,
        points: Sequence[Point],
        share: float,
    ) -> list[Score]:
        sign = -1.0 if less_is_better(self.table.metric) else 1.0
        found = []
        for point in points:
            row = self.table.row(point)
            found.append(Score(sign * row.value, took=seconds_of_row(row)))
        return found


@dataclasses.dataclass(frozen=True)
class ByTraining:
    """A training of each point from scratch, as long as the share says, with the search's seed.

    A run is an ordinary run's folder: one that was interrupted goes on.

    Attributes:
      config: of a training.
      space: whose points are trained.
      workdir: for the runs.
      metric: that is compared, such as "val/top1".
      seed: of all trainings: points differ in their architecture alone.
      display: where progress is shown.
      runner: "here", "local" (processes of this machine) or "ray".
      workers: processes of "local".
      ray: options of Ray, see `effjax.trials.ray_runner.RayOptions`.
    """

    config: ml_collections.ConfigDict
    space: ArchSpace
    workdir: Path
    metric: str
    seed: int
    display: Display
    runner: str = "here"
    workers: int = 2
    ray: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    has_shares: bool = True

    def __call__(
        self,
        points: Sequence[Point],
        share: float,
    ) -> list[Score]:
        trials = [self.trial(point, share) for point in points]
        todo = unfinished(trials)
        if todo:
            self._train(todo)
        return [self._score(trial) for trial in trials]

    def trial(
        self,
        point: Point,
        share: float = 1.0,
        variant: str | None = None,
    ) -> RunTrial:
        """The run that trains a point; its architecture is written beside it."""
        name = point_name(point)
        path = self.workdir / "architectures" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        models.write_architecture(self.space.name, self.space.decode(point), path)
        config = training_config(self.config, self.space, point, path, share, self.seed)
        folder = name if share == 1.0 else f"{name}-share{share:.4f}"
        return RunTrial(
            variant=variant or name, seed=self.seed, config=config, workdir=self.workdir / folder
        )

    def _train(self, trials: Sequence[RunTrial]) -> None:
        if self.runner == "here":
            run_here(trials, len(trials), self.display)
        elif self.runner == "local":
            run_local(trials, len(trials), self.display, self.workers)
        else:
            # Ray takes seconds to import, and need not be installed
            from effjax.trials.ray_runner import run_ray

            run_ray(trials, self.metric, self.workdir, self.display, **self.ray)

    def _score(self, trial: RunTrial) -> Score:
        result = read_result(trial, self.metric)
        took = seconds_of(result.facts["summary"])
        if result.value is None:
            return Score(None, result.reason, took)
        sign = -1.0 if less_is_better(self.metric) else 1.0
        return Score(sign * result.value, took=took)


@dataclasses.dataclass(frozen=True)
class Shortened:
    """Evaluations that each take a share of a whole training."""

    whole: ByTraining
    share: float
    has_shares: bool = True

    @property
    def metric(self) -> str:
        return self.whole.metric

    def __call__(
        self,
        points: Sequence[Point],
        share: float,
    ) -> list[Score]:
        return self.whole(points, self.share * share)


def seconds_of_row(row: Row) -> Seconds:
    """What the trainings of a table's row took, where the table says so."""
    return Seconds(row.facts.get("seconds", 0.0))


def point_name(point: Point) -> str:
    """A name for a folder: "p1-0-2", or a hash where that would be too long."""
    name = "p" + "-".join(map(str, point))
    if len(name) <= 60:
        return name
    return "p" + hashlib.sha256(name.encode()).hexdigest()[:16]


def training_config(
    config: ml_collections.ConfigDict,
    space: ArchSpace,
    point: Point,
    architecture: Path,
    share: float,
    seed: int,
) -> ml_collections.ConfigDict:
    """A config that trains the architecture of a point for a share of the whole training.

    Raises:
      UserError: how long a training takes is not set, or nothing is left of it.
    """
    plain = json.loads(config.to_json_best_effort())
    plain["model"]["name"] = space.name
    plain["model"]["arch"] = str(architecture)
    plain["seed"] = seed
    side = space.resolution(point)
    if side is not None:
        plain["data"]["image_size"] = side
    if share != 1.0:
        _shorten(plain, share)
    return from_json(plain, RunConfig)


def _shorten(
    plain: dict[str, Any],
    share: float,
) -> None:
    """Scales the length of a training, and that of its warm-up."""
    if not any(plain.get(f"total_{unit}") for unit in DURATIONS):
        raise UserError("how long to train is not set; give --config.total_epochs=N")
    # a percentage is of the whole, which is scaled already
    for section, key in ((plain, "total"), (plain["schedule"], "warmup")):
        for unit in DURATIONS:
            name = f"{key}_{unit}"
            if unit != "percent" and section.get(name):
                section[name] = section[name] * share
