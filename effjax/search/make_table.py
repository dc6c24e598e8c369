"""Makes a tabular benchmark: trains many networks of a space, and writes down what they reached.

What a network reached is a line of WORKDIR/rows.jsonl as soon as it is known, and what it scores is
one of scores.jsonl: a table can be made in several sittings, and a new score needs no training.
"""

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import ml_collections
import numpy as np

from effjax.config import call_config
from effjax.errors import UserError
from effjax.ranges import Count
from effjax.report import Display
from effjax.search.proxies.registry import PROXIES
from effjax.search.space import ArchSpace, Point
from effjax.search.table import Row, Table
from effjax.search.table_maker import Line, TableMaker
from effjax.trials.json_files import append_lines, cut_unfinished_line, read_lines

ROWS = "rows.jsonl"
SCORES = "scores.jsonl"
METRIC = "val/top1"
REMEDY = "give another --workdir"


@dataclasses.dataclass(frozen=True)
class MakeTable:
    """What `table()` of a config file returns.

    Attributes:
      space: whose points are trained.
      out: the file that is written.
      networks: how many points are drawn.
      seeds: trainings of each.
      images: training images that zero-cost scores look at.
      seed: of the points that are drawn.
    """

    space: ArchSpace
    out: str
    networks: Count = 120
    seeds: Count = 2
    images: Count = 64
    seed: int = 0


class ScoreLine(TypedDict):
    """A line of scores.jsonl; a later line of a point adds to the earlier ones."""

    point: list[int]
    scores: dict[str, float]


def read_table_settings(spec: str) -> MakeTable:
    """What `table()` of a config file returns; raises UserError if that is something else."""
    wanted = call_config(spec, "table")
    if not isinstance(wanted, MakeTable):
        path = spec.partition(":")[0]
        kind = type(wanted).__name__
        raise UserError(f"{path}: table() returned a {kind}; return a MakeTable(...)")
    return wanted


def make_table(
    config: ml_collections.ConfigDict,
    wanted: MakeTable,
    workdir: Path,
    display: Display,
    minutes: float | None = None,
) -> Table:
    """Trains what is missing and writes the table of all that is there.

    Args:
      config: of a training; `config.seed` is the first of the seeds.
      workdir: for rows.jsonl; the same folder goes on.
      minutes: no network is begun after so many; None: all are trained.

    Raises:
      UserError: the config is no classification.
    """
    maker = TableMaker(config, wanted.space, wanted.seeds, wanted.images)
    workdir.mkdir(parents=True, exist_ok=True)
    for name in (ROWS, SCORES):
        cut_unfinished_line(workdir / name)
    points = draw_points(wanted.space, wanted.networks, wanted.seed)
    ends = None if minutes is None else time.monotonic() + 60 * minutes
    trained = {tuple(line["point"]): line for line in read_lines(workdir / ROWS, Line, REMEDY)}
    scores = _read_scores(workdir / SCORES)

    def add_scores() -> None:
        for point in points:
            missing = [name for name in PROXIES.entries if name not in scores.get(point, {})]
            if point in trained and missing and not _is_over(ends):
                scores[point] = scores.get(point, {}) | maker.scores(point, missing)
                append_lines(workdir / SCORES, [{"point": list(point), "scores": scores[point]}])

    # first those of earlier sittings, so that short ones make whole rows too
    add_scores()
    display.start(len(points), unit="network")
    for point in points:
        if point not in trained and not _is_over(ends):
            trained[point] = maker.row(point)
            append_lines(workdir / ROWS, [trained[point]])
        display.update(len(trained), {})
    add_scores()
    done = [trained[point] for point in points if point in trained]
    display.line(f"{len(done)} of {len(points)} networks, {wanted.seeds} trainings each")
    table = table_of(done, scores, wanted, facts_of(config, wanted))
    table.write(Path(wanted.out))
    display.line(f"table: {wanted.out}")
    return table


def facts_of(config: ml_collections.ConfigDict, wanted: MakeTable) -> dict[str, Any]:
    """What a reader of the table has to know."""
    plain = json.loads(config.to_json_best_effort())
    kept = ("data", "mix", "optim", "schedule", "seed")
    lengths = {key: value for key, value in plain.items() if key.startswith("total_")}
    return {
        "name": Path(wanted.out).stem,
        "seeds": wanted.seeds,
        "config": {key: plain[key] for key in kept} | lengths,
    }


def _is_over(ends: float | None) -> bool:
    return ends is not None and time.monotonic() > ends


def _read_scores(path: Path) -> dict[Point, dict[str, float]]:
    found: dict[Point, dict[str, float]] = {}
    for line in read_lines(path, ScoreLine, REMEDY):
        found.setdefault(tuple(line["point"]), {}).update(line["scores"])
    return found


def draw_points(space: ArchSpace, count: int, seed: int) -> list[Point]:
    """`count` different points; fewer if the space has no more."""
    rng = np.random.default_rng(seed)
    found: dict[Point, None] = {}
    for _ in range(100 * count):
        found[space.sample(rng)] = None
        if len(found) == count:
            break
    return list(found)


def table_of(
    lines: Sequence[Line],
    scores: Mapping[Point, Mapping[str, float]],
    wanted: MakeTable,
    facts: Mapping[str, Any],
) -> Table:
    """The table of some lines."""
    if not lines:
        raise UserError("no network was trained yet; give more --minutes")
    rows = []
    for line in lines:
        point = tuple(line["point"])
        costs = {unit: line[unit] for unit in ("params", "macs", "latency")}
        seconds = {"seconds": line["seconds"]}
        rows.append(Row(point, tuple(line["values"]), costs, scores.get(point, {}), seconds))
    return Table(wanted.space, METRIC, tuple(rows), facts)
