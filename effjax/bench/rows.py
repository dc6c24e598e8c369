"""A row: what a trial was and what came of it, as JSON can hold it."""

import math
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np

from effjax.bench.program import Curves
from effjax.bench.tuning import OptimizerTrial
from effjax.trials.worker import LONGEST_REASON

# the status of a trial that ran to its end, that stopped being finite, that raised
DONE, DIVERGED, FAILED = "done", "diverged", "failed"
Row = dict[str, Any]


class RowShape(TypedDict):
    """What is checked of a row that is read; rows have further keys, see `make_row`."""

    key: str
    workload: str
    problem_hash: str
    optimizer: str
    name: str
    number: int
    settings: dict[str, Any]
    seed: int
    status: str
    reason: str
    # a trial that failed has none of these
    steps: NotRequired[list[int]]
    values: NotRequired[dict[str, list]]
    train_seconds: NotRequired[list]
    compile_seconds: NotRequired[float]


def make_row(
    trial: OptimizerTrial,
    identity: Mapping[str, Any],
    curves: Curves,
    place: int,
    facts: Mapping[str, Any],
) -> Row:
    """The row of a trial that ran.

    From the first evaluation at which any metric is not finite, no value counts: all are null, and
    the status is `DIVERGED`.

    Args:
      identity: of the workload and the machine.
      place: of the trial in the group whose `curves` these are.
      facts: further keys.
    """
    values = {}
    for name, table in curves.values.items():
        values[name] = [_number(value) for value in table[place]]
    evaluations = len(curves.steps)
    # one end for all metrics: an error of 0 beside a loss of NaN is no result
    finite = min(_leading_numbers(column) for column in values.values())
    lost = evaluations - finite
    reason = ""
    if lost:
        reason = f"not finite at step {curves.steps[finite]} or before"
    return {
        **_head(trial, identity, DIVERGED if lost else DONE, reason),
        "steps": curves.steps,
        "values": {name: column[:finite] + [None] * lost for name, column in values.items()},
        # a run whose steps were never timed has None here
        "train_seconds": [_rounded(seconds) for seconds in curves.train_seconds_at],
        "eval_seconds": round(curves.eval_seconds, 6),
        "compile_seconds": round(curves.compile_seconds, 6),
        "width": curves.width,
        **facts,
    }


def failed_row(trial: OptimizerTrial, identity: Mapping[str, Any], error: BaseException) -> Row:
    """The row of a trial that raised."""
    lines = str(error).strip().splitlines() or [""]
    reason = f"{type(error).__name__}: {lines[0][:LONGEST_REASON]}"
    return _head(trial, identity, FAILED, reason)


def final_value(row: Row, metric: str) -> float:
    """The last value of a curve; infinity if the trial failed, diverged or did not measure it."""
    values = row.get("values", {}).get(metric)
    if row["status"] != DONE or not values:
        return math.inf
    last = finite_or_nan(values[-1])
    # infinity, not NaN: an order with NaN in it depends on where the NaN stands
    return math.inf if math.isnan(last) else last


def finite_or_nan(value: Any) -> float:
    """A number of a row; NaN for null and for whatever is not finite."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return math.nan


def _rounded(seconds: float) -> float | None:
    return round(seconds, 6) if math.isfinite(seconds) else None


def _leading_numbers(column: list[float | None]) -> int:
    return column.index(None) if None in column else len(column)


def _head(trial: OptimizerTrial, identity: Mapping[str, Any], status: str, reason: str) -> Row:
    return {
        "key": trial.key(identity["problem_hash"]),
        **identity,
        "optimizer": trial.variant,
        "name": trial.name,
        "number": trial.number,
        "settings": dict(trial.settings),
        "schedule": trial.schedule,
        "seed": trial.seed,
        "status": status,
        "reason": reason,
    }


def _number(value: Any) -> float | None:
    """Seven digits, all that float32 has; None where JSON has no number for it."""
    value = float(np.float32(value))  # as the device had it, also of a run's float64 means
    return float(f"{value:.7g}") if math.isfinite(value) else None
