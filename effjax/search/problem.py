"""What a strategy may ask: points, values, costs, and how many evaluations are left.

Every evaluation is a line of WORKDIR/evaluations.jsonl. A strategy is a function of the seed and of
the values that it has seen. So a search that was stopped is simply begun again: it asks for the
same points, and those that are in the file are answered from there.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ml_collections
import numpy as np

from effjax import models
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import Display, choose_display
from effjax.search.batches import open_batches, random_batch
from effjax.search.costing import PointCosts, absolute, check_feasible
from effjax.search.encoded import EncodedPoints
from effjax.search.evaluations import Evaluated, Log
from effjax.search.objectives import ByTable, Objective
from effjax.search.space import ArchSpace, Point
from effjax.search.time_taken import NO_TIME, Seconds, Stopwatch, seconds_of
from effjax.tasks.run import train

TRIES = 200  # draws for a point that is allowed and new
FIRST = 4  # draws for a first point within the budgets
STEPS = 10  # most changes on a walk from a point that is allowed
NO_VALUE = float("-inf")  # of a network that could not be trained: worse than any other
ROUNDING = 1e-9  # shares of evaluations are added up


class Spent(Exception):
    """No evaluation is left; `effjax.search.run` ends the strategy there."""


class Problem:
    """A space, an objective, budgets, and so many evaluations.

    Args:
      space: what is searched.
      objective: how good points are.
      evaluations: how many points may be evaluated; half a training counts as half of one.
      budgets: what a network may cost, all of them at once; shares are of the base architecture.
      costs: counts the points; None where nothing is counted.
      seed: of everything that is drawn.
      workdir: for evaluations.jsonl; None: nothing is kept.
      config: of a training; None: there is none.
      display: where progress is shown.

    Raises:
      UserError: no point meets the budgets.
    """

    def __init__(
        self,
        space: ArchSpace,
        objective: Objective,
        evaluations: int,
        *,
        budgets: Sequence[Budget] = (),
        costs: PointCosts | None = None,
        seed: int = 0,
        workdir: Path | None = None,
        config: ml_collections.ConfigDict | None = None,
        display: Display | None = None,
    ):
        if evaluations < 1:
            raise UserError(f"evaluations = {evaluations}; a search makes one or more")
        self.space = space
        self.objective = objective
        self.evaluations = evaluations
        self.costs = costs
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.workdir = workdir
        self.config = config
        self.display = display or choose_display(quiet=True)
        self.history: list[Evaluated] = []
        self.spent = 0.0
        self.watch = Stopwatch()  # of what the strategy itself computes
        self._own_trainings = NO_TIME
        self._known = Log(space, workdir)
        self._answered: dict[tuple[Point, float], Evaluated] = {}
        self._open_batches = functools.cache(functools.partial(open_batches, config))
        self.codes = EncodedPoints(space, seed)
        self.table = objective.table if isinstance(objective, ByTable) else None
        self.budgets = tuple(absolute(budget, costs) for budget in budgets)
        self._start = self._first_point()

    # ------------------------------------------------------------------------------ evaluations

    @property
    def metric(self) -> str:
        """What the values are."""
        return self.objective.metric

    @property
    def left(self) -> float:
        """Evaluations that are left."""
        return self.evaluations - self.spent

    @property
    def best(self) -> Evaluated | None:
        """The best of the longest trainings so far, the first one of several."""
        if not self.history:
            return None
        longest = max(evaluated.share for evaluated in self.history)
        finalists = [evaluated for evaluated in self.history if evaluated.share == longest]
        return max(finalists, key=lambda evaluated: evaluated.value)

    def evaluate(self, point: Point, share: float = 1.0) -> float:
        """The value of a point; greater is better. A point that is known costs nothing.

        Raises:
          Spent: no evaluation is left.
          UserError: a part of a training is asked of an objective that has none.
        """
        return self.evaluate_all([point], share)[0]

    def evaluate_all(self, points: Sequence[Point], share: float = 1.0) -> list[float]:
        """The values of several points, which may be trained side by side; see `evaluate`.

        Raises:
          Spent: not enough evaluations are left; as many as there are were made.
        """
        if share != 1.0 and not self.objective.has_shares:
            raise UserError(
                f"share={share:g} of a training is asked for, but these values are of whole ones\n"
                "leave out --table, or take another strategy"
            )
        points = [self.space.canonical(point) for point in points]
        new = []
        for point in dict.fromkeys(points):
            if (point, share) not in self._answered:
                new.append(point)
        affordable = math.floor((self.left + ROUNDING) / share)
        self._make(new[:affordable], share)
        if len(new) > affordable:
            raise Spent
        return [self._answered[point, share].value for point in points]

    def _make(self, points: Sequence[Point], share: float) -> None:
        unknown = [point for point in points if (point, share) not in self._known]
        if unknown:
            since = time.perf_counter()
            with self.watch.paused():
                scores = self.objective(unknown, share)
            each = Seconds((time.perf_counter() - since) / len(unknown))
            for point, score in zip(unknown, scores, strict=True):
                took = score.took if score.took.whole else each
                self._known.add(point, share, dataclasses.replace(score, took=took))
        for point in points:
            score = self._known[point, share]
            value = NO_VALUE if score.value is None else score.value
            number = len(self.history)
            evaluated = Evaluated(point, value, share, number, score.reason, score.took)
            self.history.append(evaluated)
            self._answered[point, share] = evaluated
            self.spent += share

    # ------------------------------------------------------------------------------ what it took

    def train(self, config: ml_collections.ConfigDict, folder: Path) -> None:
        """Trains a network that is no point, such as a supernet: its seconds are the search's."""
        with self.watch.paused():
            summary = train(config, folder, display=self.display)
        self._own_trainings += seconds_of(summary)

    @property
    def took(self) -> Seconds:
        """What the search has taken so far, in all sittings."""
        total = self._own_trainings + Seconds(self.watch.seconds)
        return sum((evaluated.took for evaluated in self.history), total)

    # ----------------------------------------------------------------------------- what is allowed

    def cost(self, point: Point, unit: str) -> float:
        """What a point costs: "params", "macs", "latency" or "memory"."""
        if self.table is not None and point in self.table:
            known = self.table.row(point).costs
            if unit in known:
                return known[unit]
        if self.costs is None:
            raise UserError(f"the {unit} of points are not counted here")
        return self.costs.of(point, unit)

    def allows(self, point: Point) -> bool:
        """Whether a point is within the budgets, and in the table if there is one."""
        if self.table is not None and point not in self.table:
            return False
        return all(budget.allows(self.cost(point, budget.unit)) for budget in self.budgets)

    def is_new(self, point: Point) -> bool:
        """Whether a point was not evaluated yet."""
        point = self.space.canonical(point)
        return all(evaluated.point != point for evaluated in self.history)

    def candidates(self) -> list[Point] | None:
        """All allowed points, where they are few enough to be listed: those of a table."""
        if self.table is None:
            return None
        return [row.point for row in self.table.rows if self.allows(row.point)]

    def draw(self) -> Point | None:
        """A random point that is allowed and new; None if none is found."""
        candidates = self.candidates()
        if candidates is not None:
            new = [point for point in candidates if self.is_new(point)]
            return new[int(self.rng.integers(len(new)))] if new else None
        found = self.propose(lambda: self.space.sample(self.rng))
        if found is not None or not self.budgets:
            return found
        # a tight budget: hardly any point of the whole space meets it
        return self.propose(self._walk)

    def propose(self, make: Callable[[], Point]) -> Point | None:
        """The first of many points that is allowed and new; None if none is.

        With a table it is the new row that differs in the fewest choices from what was made.
        """
        candidates = self.candidates()
        if candidates is not None:
            new = [point for point in candidates if self.is_new(point)]
            return self.table.nearest(make(), new) if new else None
        for _ in range(TRIES):
            point = self.space.canonical(make())
            if self.is_new(point) and self.allows(point):
                return point
        return None

    def _walk(self) -> Point:
        """A point some changes away from one that is allowed, each within the budgets."""
        point = self._start
        for _ in range(int(self.rng.integers(1, STEPS + 1))):
            other = self.space.mutate(point, self.rng)
            if self.allows(other):
                point = other
        return point

    def _first_point(self) -> Point | None:
        """A point within the budgets; raises UserError if there is none."""
        if not self.budgets:
            return None
        if self.table is not None:
            return self.table.first_within(self.budgets, self.cost)
        # most often one of a few random points will do, and spares the search for the cheapest
        rng = np.random.default_rng((self.seed, 2))
        for _ in range(FIRST):
            point = self.space.sample(rng)
            if self.allows(point):
                return point
        self.display.line("budget: counting the cheapest networks, as random ones exceed it")
        return check_feasible(self.space, self.budgets, self.cost)

    def random_points(self, count: int) -> Iterator[Point]:
        """Different allowed points, new or not, drawn evenly; fewer if there are not so many."""
        candidates = self.candidates()
        if candidates is not None:
            order = self.rng.permutation(len(candidates))
            yield from (candidates[place] for place in order[:count])
            return
        seen: set[Point] = set()
        tries = 0
        while len(seen) < count and tries < TRIES * count:
            tries += 1
            # a walk now and then, for budgets that hardly any point meets
            tight = bool(self.budgets) and tries > TRIES and not seen
            point = self._walk() if tight else self.space.sample(self.rng)
            if point not in seen and self.allows(point):
                seen.add(point)
                yield point

    # ------------------------------------------------------------------- --------- networks, images

    @property
    def num_classes(self) -> int:
        """Outputs of the networks."""
        return self.costs.num_classes if self.costs is not None else 10

    def model(self, point: Point) -> models.ImageModel:
        """The network of a point."""
        dtype = "float32" if self.config is None else self.config.model.dtype
        return self.space.model(point, self.num_classes, dtype=dtype)

    def batch(self, number: int = 0, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Images [B, H, W, 3], normalised, and labels [B] of the training data.

        Args:
          number: which batch, from 0; different ones share no image.
          size: B; None: that of the config.
        """
        if self.config is None:
            return random_batch(self.costs.input_shape, self.num_classes, size or 16, number)
        return self._open_batches(size)(number)
