"""Evaluations of a search, and the file that keeps them.

Every evaluation is a line of WORKDIR/evaluations.jsonl.
"""

import dataclasses
import math
from pathlib import Path
from typing import NotRequired, TypedDict

from effjax.search.objectives import Score
from effjax.search.points import Point, Space
from effjax.search.time_taken import NO_TIME, Seconds
from effjax.trials.json_files import append_lines, cut_unfinished_line, read_lines, saying_where

EVALUATIONS = "evaluations.jsonl"


class Line(TypedDict):
    """A line of evaluations.jsonl."""

    point: list[int]
    share: float
    value: float | None
    reason: NotRequired[str]
    seconds: NotRequired[float]
    compiling: NotRequired[float]


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """A point with its value.

    Attributes:
      point: canonical.
      value: greater is better; -inf where the training failed.
      share: of a whole training.
      number: of the evaluation, from 0.
      reason: why there is no value.
      took: seconds, when it was made.
    """

    point: Point
    value: float
    share: float
    number: int
    reason: str = ""
    took: Seconds = NO_TIME


class Log:
    """Scores by point and share, and the file in which they stay.

    Args:
      space: of the points.
      workdir: None: they are kept in memory alone.

    Raises:
      UserError: the file is damaged, or of another space.
    """

    def __init__(
        self,
        space: Space,
        workdir: Path | None,
    ):
        self._path = None if workdir is None else workdir / EVALUATIONS
        self._known: dict[tuple[Point, float], Score] = {}
        if self._path is not None:
            self._read(space, self._path)

    def __contains__(self, key: tuple[Point, float]) -> bool:
        return key in self._known

    def __getitem__(self, key: tuple[Point, float]) -> Score:
        return self._known[key]

    def add(
        self,
        point: Point,
        share: float,
        score: Score,
    ) -> None:
        """Keeps a score; one that is no finite number has no value."""
        if score.value is not None and not math.isfinite(score.value):
            # NaN is never compared with a number
            reason = f"its value is {score.value}"
            score = dataclasses.replace(score, value=None, reason=reason)
        self._known[point, share] = score
        if self._path is None:
            return
        line = {"point": list(point), "share": share, "value": score.value}
        line |= {"reason": score.reason, "seconds": round(score.took.whole, 3)}
        if score.took.compiling:
            line["compiling"] = round(score.took.compiling, 3)
        with saying_where(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        append_lines(self._path, [line])

    def _read(
        self,
        space: Space,
        path: Path,
    ) -> None:
        cut_unfinished_line(path)
        for line in read_lines(path, Line, "give another --workdir"):
            point = space.check(line["point"])
            took = Seconds(line.get("seconds", 0.0), line.get("compiling", 0.0))
            score = Score(line["value"], line.get("reason", ""), took)
            self._known[point, line["share"]] = score
