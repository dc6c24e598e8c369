"""Which checkpoint of a run is meant: its step, the best one, or the average of the last ones."""

from collections.abc import Collection
from pathlib import Path

from effjax.errors import UserError
from effjax.report.metric_names import is_better, is_held_out
from effjax.runs.metrics import read_rows
from effjax.runs.record import read_config

# the number of a checkpoint, "best", "average:N" of the last N, or (None) the newest sound one
Step = int | str | None
AVERAGE = "average:"
NETWORKS = ("student", "teacher")  # of a run that learns without labels


def averaged(step: Step) -> int | None:
    """5 of "average:5"; None for a step that names one checkpoint.

    Raises:
      UserError: "average:" with what is no number of checkpoints.
    """
    if not isinstance(step, str) or not step.startswith(AVERAGE):
        return None
    count = step.removeprefix(AVERAGE)
    if not count.isdecimal() or int(count) < 1:
        raise UserError(f"{step!r}: expected the number of checkpoints, as in {AVERAGE}5")
    return int(count)


def last_steps(workdir: Path, steps: Collection[int], count: int) -> list[int]:
    """The last `count` of the steps that have a checkpoint.

    Raises:
      UserError: there are fewer.
    """
    if len(steps) < count:
        listed = ", ".join(map(str, sorted(steps))) or "none"
        raise UserError(
            f"{workdir} has {len(steps)} checkpoints ({listed}), {AVERAGE}{count} takes {count}\n"
            f"train with --config.checkpoint.keep_last={count} --config.checkpoint.every_epochs=1"
        )
    return sorted(steps)[-count:]


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
    """ "runs/x:best" -> ("runs/x", "best"), "runs/x:12" -> ("runs/x", 12), else (source, None).

    "runs/x:average:5" -> ("runs/x", "average:5").
    """
    folder, colon, step = source.rpartition(":")
    if colon and step.isdecimal() and folder.endswith(f":{AVERAGE[:-1]}"):
        return folder.removesuffix(f":{AVERAGE[:-1]}"), f"{AVERAGE}{step}"
    if colon and step == "best":
        return folder, "best"
    if colon and step.isdecimal():
        return folder, int(step)
    return source, None


def split_network(source: str) -> tuple[str, str | None]:
    """ "runs/x:teacher" -> ("runs/x", "teacher"), "runs/x:12:teacher" -> ("runs/x:12", "teacher").

    Of runs that have learned two networks; anything else is (source, None).
    """
    folder, colon, network = source.rpartition(":")
    if colon and network in NETWORKS:
        return folder, network
    return source, None


def _main_metric(rows: list[dict]) -> str:
    names = dict.fromkeys(name for row in rows for name in row if is_held_out(name))
    accuracies = [name for name in names if name.endswith("/top1")]
    return next(iter([*accuracies, *names]), "")
