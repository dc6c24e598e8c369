"""What the runs of trials have left behind in their folders."""

from collections.abc import Sequence
from typing import Any

from effjax.runs.folder import read_summary
from effjax.runs.metrics import read_rows
from effjax.trials.paired import Result
from effjax.trials.trial import RunTrial
from effjax.trials.worker import read_failure


def read_results(trials: Sequence[RunTrial], metric: str) -> list[Result]:
    """The results of trials, one each, whether they have finished or not.

    Returns:
      Results whose facts are {"summary": what summary.json holds or {}, "rows": of
      metrics.jsonl}.
    """
    return [read_result(trial, metric) for trial in trials]


def read_result(trial: RunTrial, metric: str) -> Result:
    """The result of one trial: the metric where the run has finished, else the reason."""
    summary = read_summary(trial.workdir) or {}
    rows = read_rows(trial.workdir)
    facts = {"summary": summary, "rows": rows}
    value = summary.get("final", {}).get(metric)
    reason = read_failure(trial.workdir)
    last = _last_with(rows, metric)
    if summary and last is not None and last[metric] is None:
        # null stands for NaN or infinity. Summaries of older runs hold the last finite value then,
        # which is not what the run has ended with.
        reason = f"{metric} is not a finite number at step {last['step']}"
        return Result(trial, None, reason, facts)
    if value is None and not reason:
        reason = f"no {metric} in its summary" if summary else "not finished"
    return Result(trial, value, reason, facts)


def _last_with(rows: Sequence[dict[str, Any]], metric: str) -> dict[str, Any] | None:
    for row in reversed(rows):
        if metric in row:
            return row
    return None
