"""Several runs side by side: one picture, one table."""

import collections
import dataclasses
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.report.curves import names_ending, series
from effjax.report.figures import save_figure
from effjax.report.metric_names import best, is_held_out, less_is_better
from effjax.report.pace import format_seconds
from effjax.report.style import GREY, is_grey, line_colours, log_scale, shorten_middle
from effjax.report.tables import format_count

ABSENT = "-"
UNFINISHED = "*"
NAMED = 8  # differing keys that the table names for each run
# what a person asks first; other keys follow, in the order of the config
FIRST = (
    "model.name",
    "task.",
    "init_from",
    "model.",
    "optim.",
    "schedule.",
    "total_",
    "data.name",
    "data.batch_size",
    "data.image_size",
    "ema.",
    "mix.",
    "data.",
)
# last, as they change no result
LAST = ("parallel.", "log.", "checkpoint.", "data.workers", "data.cache")
LEGEND = 34  # letters of a name in the legend
SMOOTHED = "train/loss, a running mean over 1/20 of the rows"
FEW_POINTS = 30  # up to which the points of a curve are marked


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

    @property
    def steps(self) -> int:
        """The last step with a row."""
        return max((row["step"] for row in self.rows), default=0)

    @property
    def is_finished(self) -> bool:
        """Whether the summary is of the last step: a run that is extended has an old one."""
        return self.summary is not None and self.summary.get("step", self.steps) >= self.steps


def held_out(runs: Sequence[Run]) -> list[str]:
    """At most two metrics on held-out images for the table: a top-1 and a loss come first."""
    names: dict[str, None] = {}
    for run in runs:
        for row in run.rows:
            names |= dict.fromkeys(filter(is_held_out, row))
    order = {"top1": 0, "loss": 1}

    def place(name: str) -> int:
        metric = name.rpartition("/")[2]
        return order.get(metric, len(order))

    return sorted(names, key=place)[:2]


def differences(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """For each run the keys of the config, with values, that are not the same in all runs.

    What matters most stands first.

    A key is written as short as it can be: "learning_rate" unless another key ends like that.
    """
    keys: dict[str, None] = {}
    for run in runs:
        keys |= dict.fromkeys(run.config)
    endings = collections.Counter(map(_last_part, keys))
    own: list[dict[str, Any]] = [{} for _ in runs]
    for key in sorted(keys, key=_importance):
        values = [run.config.get(key) for run in runs]
        if all(value == values[0] for value in values):
            continue
        ending = _last_part(key)
        name = ending if endings[ending] == 1 else key
        for differing, value in zip(own, values):
            differing[name] = value
    return own


def _importance(key: str) -> int:
    """The place of a key in the table; the smaller, the more it matters."""
    if key.startswith(LAST):
        return len(FIRST) + 1
    for place, beginning in enumerate(FIRST):
        if key.startswith(beginning):
            return place
    return len(FIRST)


def _last_part(key: str) -> str:
    return key.rpartition(".")[2]


def compare_table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """(header, rows): final and best metrics, steps, time, speed, size and what was different.

    A metric reads "final (best)"; behind the steps of an unfinished run stands `UNFINISHED`.
    """
    metrics = held_out(runs)
    header = ["run", *metrics, "steps", "time", "images/s", "params", "differs in"]
    rows = []
    for run, own in zip(runs, differences(runs)):
        scores = [_final_and_best(run, metric) for metric in metrics]
        rows.append([run.name, *scores, *_size_and_speed(run), _differences_in_words(own)])
    return header, rows


def _size_and_speed(run: Run) -> tuple[str, str, str, str]:
    """(steps, time, images a second, parameters) of a run as text."""
    steps = run.steps
    summary = run.summary or {}
    _, speeds = series(run.rows, "perf/images_per_sec")
    seconds = summary.get("wall_seconds")
    size = summary.get("parameters")
    # a finished run gets a space in the place of the mark, so that the digits stay in line
    return (
        f"{steps} " if run.is_finished else f"{steps}{UNFINISHED}",
        ABSENT if seconds is None else format_seconds(seconds),
        f"{statistics.median(speeds):,.0f}" if speeds else ABSENT,
        ABSENT if size is None else format_count(size),
    )


def _differences_in_words(differing: dict[str, Any]) -> str:
    words = [f"{key}={value}" for key, value in differing.items()]
    if len(words) > NAMED:
        words = [*words[:NAMED], f"and {len(words) - NAMED} more"]
    return ", ".join(words) or ABSENT


def _final_and_best(run: Run, metric: str) -> str:
    values = [value for value in series(run.rows, metric)[1] if math.isfinite(value)]
    if not values:
        return ABSENT
    return f"{values[-1]:.4g} ({best(metric, values):.4g})"


def plot_runs(runs: Sequence[Run], path: Path) -> None:
    """Writes a PNG: held-out top-1 and loss and the training loss against steps, a colour a run.

    Unfinished runs are dashed. The training loss is a running mean over a twentieth of the rows.
    Of more than seven runs the best ones have colours, and the others are grey.
    """
    from matplotlib.figure import Figure

    panels = _panels(runs)
    colours = line_colours(len(runs), _best_first(runs, panels[0]))
    figure = Figure(figsize=(4.4 * len(panels) + 2.2, 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        drawn: list[float] = []
        for run, colour in zip(runs, colours):
            steps, values = series(run.rows, name)
            if name == "train/loss":
                values = _running_mean(values)
            dashes = "-" if run.is_finished else "--"
            mark = "." if len(values) < FEW_POINTS else ""
            # grey lines lie behind, and one entry of the legend stands for them
            front = not is_grey(colour)
            label = _label(run) if front else "_others"
            axes.plot(
                steps,
                values,
                dashes,
                color=colour,
                lw=1.5 if front else 1.0,
                zorder=3 if front else 2,
                marker=mark,
                label=label,
            )
            drawn += values
        if less_is_better(name):
            log_scale(axes, drawn)
        axes.set_xlabel("step")
        # beside plain values of held-out images a mean must be called one
        axes.set_title(SMOOTHED if name == "train/loss" else name, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    others = sum(map(is_grey, colours))
    if others:
        handles.append(axes.plot([], [], color=GREY, label="_others")[0])
        labels.append(f"{others} others")
    labels = [shorten_middle(label, LEGEND) for label in labels]
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    save_figure(figure, path)


def _best_first(runs: Sequence[Run], metric: str) -> list[int]:
    """The places of the runs, the best by the final value of a metric first."""

    def final(place: int) -> float:
        _, values = series(runs[place].rows, metric)
        if not values or not math.isfinite(values[-1]):
            return math.inf
        return values[-1] if less_is_better(metric) else -values[-1]

    return sorted(range(len(runs)), key=final)


def _panels(runs: Sequence[Run]) -> list[str]:
    """At most three held-out metrics, accuracies first, and the training loss."""
    names: dict[str, None] = {}
    for run in runs:
        for ending in ("top1", "loss"):
            names |= dict.fromkeys(filter(is_held_out, names_ending(run.rows, ending)))
    return [*sorted(names, key=less_is_better)[:3], "train/loss"]


def _label(run: Run) -> str:
    return run.name if run.is_finished else f"{run.name} (unfinished)"


def _running_mean(values: Sequence[float]) -> list[float]:
    reach = len(values) // 40
    means = []
    for place in range(len(values)):
        window = values[max(0, place - reach) : place + reach + 1]
        means.append(statistics.fmean(window))
    return means
