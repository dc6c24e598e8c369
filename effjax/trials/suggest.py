"""Variants that Optuna chooses one after another, from what the earlier ones have reached.

The ranges are those of the space that `sweep()` drew its variants from, and as many are chosen as
it drew. Optuna sees a number in [0, 1] for each key, so that ranges of every kind are alike to it.
Each choice is a line of WORKDIR/search.jsonl, written before it is trained.

A choice is a function of the choices before it, of what they have reached, and of its own number.
So a search that was stopped and continued chooses what it would have chosen without the stop.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

from effjax.errors import UserError
from effjax.ranges import Share
from effjax.report.metric_names import less_is_better
from effjax.trials.json_files import read_lines, saying_where
from effjax.trials.outcome import read_result
from effjax.trials.plan import Plan, name_of
from effjax.trials.space import BELOW_ONE, Point, Space, point_at
from effjax.trials.trial import RunTrial
from effjax.trials.worker import is_over

CHOSEN = "search.jsonl"
SEARCHES = ("none", "optuna")
TRIES = 100  # draws for a point that was not tried yet, before the space counts as exhausted

REMEDY = "was it chosen for another sweep? give another --workdir"

Row = list[float]  # a number in [0, 1] for each key of the ranges


class Choice(TypedDict):
    """A line of search.jsonl."""

    at: list[Share]


class Suggestions:
    """What Optuna has chosen for one sweep.

    Args:
      space: drawn from ranges, by `halton` or `random`.
      base: what is trained whatever Optuna chooses.
      make: (name, point) -> the run of that variant.
      workdir: of the sweep.

    Raises:
      UserError: the space has no ranges to choose from.
    """

    def __init__(
        self, space: Any, base: Plan, make: Callable[[str, Point], RunTrial], workdir: Path
    ):
        if not isinstance(space, Space) or not space.ranges:
            raise UserError(
                "--search=optuna chooses from ranges, and sweep() names its variants\n"
                "return Sweep(halton({'optim.default.learning_rate': log(1e-4, 1e-1)}, 16))"
            )
        self.ranges = space.ranges
        self.count = len(space)
        self.metric = base.metric
        self._base = base
        self._make = make
        self._path = workdir / CHOSEN
        self._reported: dict[int, float] = {}
        self._is_exhausted = False

    def chosen(self) -> list[Row]:
        """All choices so far. They are read again each time, as Ray works with a copy of this.

        Raises:
          UserError: search.jsonl is damaged, or is of other ranges.
        """
        rows = [line["at"] for line in read_lines(self._path, Choice, REMEDY)]
        for number, row in enumerate(rows, start=1):
            if len(row) != len(self.ranges):
                keys = ", ".join(self.ranges)
                raise UserError(
                    f"{self._path}, line {number}: {len(row)} numbers; expected one for each of "
                    f"{keys}\n{REMEDY}"
                )
        return rows

    def trial(self, number: int) -> RunTrial:
        """The run of choice number `number`."""
        return self._trial(number, self.chosen()[number])

    def _trial(self, number: int, row: Row) -> RunTrial:
        point = self._point(row)
        return self._make(f"{number:02d} {name_of(point)}", point)

    def _point(self, row: Row) -> Point:
        # ranges are defined on [0, 1), and Optuna may draw 1
        return point_at(self.ranges, [min(u, BELOW_ONE) for u in row])

    def trials(self) -> list[RunTrial]:
        """The runs of all choices so far."""
        return [self._trial(number, row) for number, row in enumerate(self.chosen())]

    def plan(self) -> Plan:
        """The base and all that was chosen so far."""
        return Plan((*self._base.trials, *self.trials()), self.metric, self._base.base)

    def left(self) -> int:
        """How many are to be trained: not chosen yet, or chosen and not over."""
        if self._is_exhausted:
            return 0
        # a run that has failed is over too, unless --retry has forgotten it
        over = sum(is_over(trial.workdir) for trial in self.trials())
        return max(0, self.count - over)

    def upcoming(self) -> Iterator[RunTrial]:
        """The runs to train, one after another: first those that an earlier command has left."""
        for trial in self.trials():
            if not is_over(trial.workdir):
                yield trial
        while len(self.chosen()) < self.count:
            trial = self.choose()
            if trial is None:
                return
            yield trial

    def choose(self) -> RunTrial | None:
        """The run of a new choice, which is written down first; None if every point was tried.

        Raises:
          UserError: Optuna is not installed, or the disk refuses.
        """
        rows = self.chosen()
        values = [self._value(number, row) for number, row in enumerate(rows)]
        row = choose_row(
            list(self.ranges),
            rows,
            values,
            minimise=less_is_better(self.metric),
            point_of=self._point,
        )
        if row is None:
            self._is_exhausted = True
            return None
        self.add(row)
        return self._trial(len(rows), row)

    def add(self, row: Row) -> None:
        """Writes a choice down."""
        with saying_where(self._path):
            # before it is trained: a search that is killed now trains it when it is continued
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps({"at": row}) + "\n")

    def report(self, number: int, value: float) -> None:
        """Tells what a run has reached whose folder is on another machine."""
        self._reported[number] = value

    def _value(self, number: int, row: Row) -> float | None:
        found = read_result(self._trial(number, row), self.metric).value
        return self._reported.get(number) if found is None else found


def choose_row(
    keys: Sequence[str],
    rows: Sequence[Row],
    values: Sequence[float | None],
    minimise: bool,
    point_of: Callable[[Row], Point],
) -> Row | None:
    """A row that Optuna's TPE sampler chooses after `rows` have reached `values`.

    Args:
      minimise: whether less is better.
      values: None for a row that failed or is still in training.
      point_of: what a row stands for. Two rows may be one point, in a choice of two words.

    Returns:
      A row whose point is new; None where many draws have found none.

    Raises:
      UserError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError(f"--search=optuna: {error}\npip install 'effjax[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # The sampler is made anew for each choice. With one seed for all it would draw its first
    # points again whenever a search is continued; the number of the choice makes them differ.
    sampler = optuna.samplers.TPESampler(seed=len(rows))
    direction = "minimize" if minimise else "maximize"
    study = optuna.create_study(direction=direction, sampler=sampler)
    distributions = {key: optuna.distributions.FloatDistribution(0.0, 1.0) for key in keys}
    for row, value in zip(rows, values):
        study.add_trial(
            optuna.trial.create_trial(
                state=_state(optuna, value),
                value=value,
                params=dict(zip(keys, row)),
                distributions=distributions,
            )
        )
    # two rows may be one point: 0.1 and 0.2 are the same of two words
    tried = [point_of(row) for row in rows]
    for _ in range(TRIES):
        asked = study.ask(distributions)
        row = [asked.params[key] for key in keys]
        if point_of(row) not in tried:
            return row
    return None


def _state(optuna: Any, value: float | None) -> Any:
    states = optuna.trial.TrialState
    return states.FAIL if value is None else states.COMPLETE
