"""Several runs side by side: one picture, one table."""

import collections
import dataclasses
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.report.curves import names_ending, series
from effjax.report.progress import format_seconds
from effjax.report.tables import format_count

OWN = (
    "train/",
    "optim/",
    "perf/",
    "search/",
    "step",
)  # prefixes of what is not measured on held-out images
ABSENT, UNFINISHED = "-", "*"
NAMED = 4  # differing keys that the table names for each run


@dataclasses.dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes:
      name: what it is called in tables and legends.
      rows: of metrics.jsonl: {"step": 10, "train/loss": ..., "val/top1": ...}.
      config: {"dotted.key": value}.
      summary: of summary.json; None: the run is not finished.
    """

    name: str
    rows: Sequence[dict[str, Any]]
    config: dict[str, Any]
    summary: dict[str, Any] | None


def held_out(runs: Sequence[Run]) -> list[str]:
    """At most two metrics on held-out images for the table: a top-1 and a loss come first."""
    names = dict.fromkeys(n for run in runs for row in run.rows for n in row)
    names = [name for name in names if not name.startswith(OWN)]
    order = {"top1": 0, "loss": 1}
    return sorted(names, key=lambda name: order.get(name.rpartition("/")[2], 2))[:2]


def differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run the keys of the config, with values, that are not the same in all runs.

    A key is written as short as it can be: "learning_rate" unless another key ends like that.
    """
    keys = dict.fromkeys(key for run in runs for key in run.config)
    endings = collections.Counter(key.rpartition(".")[2] for key in keys)
    differing = [
        key for key in keys if any(run.config.get(key) != runs[0].config.get(key) for run in runs)
    ]
    names = {key: key.rpartition(".")[2] for key in differing}
    short = {key: name if endings[name] == 1 else key for key, name in names.items()}
    return [{short[key]: run.config.get(key) for key in differing} for run in runs]


def compare_table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """(header, rows): final and best metrics, steps, time, speed, size and what was different.

    A metric reads "final (best)"; behind the steps of an unfinished run stands `UNFINISHED`.
    """
    metrics = held_out(runs)
    header = ["run", *metrics, "steps", "time", "images/s", "params", "differs in"]
    rows = []
    for run, own in zip(runs, differences(runs)):
        steps = max((row["step"] for row in run.rows), default=0)
        summary = run.summary or {}
        speeds = series(run.rows, "perf/images_per_sec")[1]
        seconds, size = summary.get("wall_seconds"), summary.get("parameters")
        rows.append(
            [
                run.name,
                *(_final_and_best(run, metric) for metric in metrics),
                f"{steps} " if run.summary else f"{steps}{UNFINISHED}",
                format_seconds(seconds) if seconds is not None else ABSENT,
                f"{statistics.median(speeds):,.0f}" if speeds else ABSENT,
                format_count(size) if size is not None else ABSENT,
                _in_words(own),
            ]
        )
    return header, rows


def _in_words(differing: dict[str, Any]) -> str:
    words = [f"{key}={value}" for key, value in differing.items()]
    more = [f"and {len(words) - NAMED} more"] if len(words) > NAMED else []
    return ", ".join([*words[:NAMED], *more]) or ABSENT


def _final_and_best(run: Run, metric: str) -> str:
    values = [value for value in series(run.rows, metric)[1] if math.isfinite(value)]
    if not values:
        return ABSENT
    best = min(values) if metric.endswith("loss") else max(values)
    return f"{values[-1]:.4g} ({best:.4g})"


def plot_runs(runs: Sequence[Run], path: Path) -> None:
    """Writes a PNG: held-out top-1 and loss and the training loss against steps, a colour a run.

    Unfinished runs are dashed. The training loss is a running mean over a twentieth of the rows.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    names = dict.fromkeys(
        name
        for run in runs
        for ending in ("top1", "loss")
        for name in names_ending(run.rows, ending)
        if not name.startswith(OWN)
    )
    panels = [*sorted(names, key=lambda name: name.endswith("loss"))[:3], "train/loss"]
    if len(runs) <= 10:
        colours = colormaps["tab10"].colors
    else:
        colours = colormaps["turbo"]([(i + 0.5) / len(runs) for i in range(len(runs))])
    figure = Figure(figsize=(4.4 * len(panels) + 2.2, 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        shown = []
        for run, colour in zip(runs, colours):
            steps, values = series(run.rows, name)
            if name == "train/loss":
                values = _running_mean(values)
            dashes = "-" if run.summary else "--"
            mark = "." if len(values) < 30 else ""
            axes.plot(steps, values, dashes, color=colour, lw=1.5, marker=mark, label=_label(run))
            shown += values
        if name.endswith("loss") and shown and min(shown) > 0:
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_title(name, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:  # also where matplotlib could not open it, in a bucket
        figure.savefig(file, format="png", dpi=120)
    part.replace(path)


def _label(run: Run) -> str:
    return run.name if run.summary else f"{run.name} (unfinished)"


def _running_mean(values: Sequence[float]) -> list[float]:
    reach = len(values) // 40
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [statistics.fmean(window) for window in windows]
