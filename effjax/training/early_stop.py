"""Ends a run whose metric has not improved for a while.

What it knows is a function of the rows of the run, so a run that is continued stops at the step at
which it would have stopped without the break.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from effjax.config import View
from effjax.devices.hosts import agree
from effjax.report.metric_names import is_better, less_is_better

Row = Mapping[str, Any]  # of metrics.jsonl: {"step": n, metric: value}


class EarlyStop:
    """Counts the measurements of a metric since its best one.

    Args:
      metric: such as "val/top1"; None: a run is never ended early.
      patience: so many measurements without an improvement end the run.
      min_delta: what is better by no more than this is no improvement.
    """

    def __init__(self, metric: str | None, patience: int, min_delta: float):
        self.metric = metric
        self._patience = patience
        self._min_delta = min_delta
        self._best: float | None = None
        self._best_step: int | None = None
        self._measured_at = -1
        self._since = 0  # measurements since the best one

    def see(self, row: Row) -> None:
        """Takes a row; rows without the metric, and a step that was seen, change nothing."""
        step = row["step"]
        if self.metric not in row or step <= self._measured_at:
            return
        self._measured_at = step
        value = row[self.metric]
        if is_better(self.metric, self._handicapped(value), than=self._best):
            self._best = value
            self._best_step = step
            self._since = 0
        else:
            self._since += 1

    def _handicapped(self, value: float | None) -> float | None:
        """The value, worse by `min_delta` than it is."""
        if value is None or self._best is None:
            return value
        if less_is_better(self.metric):
            return value + self._min_delta
        return value - self._min_delta

    @property
    def is_due(self) -> bool:
        """Whether the run is to end."""
        return self.metric is not None and self._since >= self._patience

    def facts(self) -> dict[str, Any]:
        """What the summary says of it."""
        return {"metric": self.metric, "best": self._best, "best_step": self._best_step}

    def __str__(self) -> str:
        since = f"{self.metric} has not improved in {self._since} measurements"
        if self._best is None:
            return f"{since}: it was never finite"
        return f"{since}; its best is {self._best:.4g} at step {self._best_step}"


def make_early_stop(section: View) -> EarlyStop:
    """As `config.task.early_stop` says."""
    if section.metric is None:
        # the other keys stay unread: set without a metric, they are refused
        return EarlyStop(None, patience=1, min_delta=0.0)
    return EarlyStop(section.metric, section.patience, section.min_delta)


def catch_up(stop: EarlyStop, rows: Iterable[Row]) -> None:
    """Shows it the rows that a run has written so far.

    Args:
      rows: on the host that writes them; the others have none.
    """
    if stop.metric is None:
        return
    measured = [[row["step"], row[stop.metric]] for row in rows if stop.metric in row]
    # hosts must end together
    for step, value in _agreed(measured):
        stop.see({"step": step, stop.metric: value})


def _agreed(measured: list[list[Any]]) -> Iterable[list[Any]]:
    """The measurements of host 0, one after another: a message between hosts is short."""
    for number in range(agree(len(measured))):
        own = measured[number] if number < len(measured) else None
        yield agree(own)
