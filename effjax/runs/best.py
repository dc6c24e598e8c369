"""Which checkpoint of a run is the best one."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from effjax.errors import UserError
from effjax.report.metric_names import is_better, is_held_out
from effjax.runs.metrics import read_rows
from effjax.runs.record import read_config

# the number of a checkpoint, the best one, or (None) the newest sound one
Step = int | Literal["best"] | None


def best_step(workdir: Path, steps: Collection[int]) -> int:
    """The step, among those that have a checkpoint, with the best value of the run's main metric.

    The metric is `checkpoint.keep_best` of the run's config; without it the first held-out top-1
    among the rows, else the first held-out metric.

    Args:
      workdir: the run's folder.
      steps: of its checkpoints.

    Raises:
      UserError: nothing was measured at any of these steps.
    """
    rows = [row for row in read_rows(workdir) if row["step"] in steps]
    checkpoint = (read_config(workdir) or {}).get("checkpoint", {})
    metric = checkpoint.get("keep_best") or _main_metric(rows)
    best, found = None, None
    for row in rows:
        value = row.get(metric)
        if is_better(metric, value, than=best):
            best, found = value, row["step"]
    if found is None:
        listed = ", ".join(map(str, sorted(steps))) or "none"
        raise UserError(
            f"{workdir}: nothing was measured at a checkpoint; there are: {listed}\n"
            "give --step=N, or train with --config.checkpoint.keep_best=val/top1"
        )
    return found


def split_step(source: str) -> tuple[str, Step]:
    """ "runs/x:best" -> ("runs/x", "best"), "runs/x:12" -> ("runs/x", 12), else (source, None)."""
    folder, colon, step = source.rpartition(":")
    if colon and step == "best":
        return folder, "best"
    if colon and step.isdecimal():
        return folder, int(step)
    return source, None


def _main_metric(rows: list[dict]) -> str:
    names = dict.fromkeys(name for row in rows for name in row if is_held_out(name))
    accuracies = [name for name in names if name.endswith("/top1")]
    return next(iter([*accuracies, *names]), "")
