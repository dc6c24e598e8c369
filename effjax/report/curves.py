"""Curves of one run: loss, accuracy and learning rate against steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

Rows = Sequence[dict[str, Any]]


def series(rows: Rows, name: str) -> tuple[list[int], list[float]]:
    """(steps, values) of one metric, rows without it left out."""
    points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    return [step for step, _ in points], [value for _, value in points]


def names_ending(rows: Rows, ending: str) -> list[str]:
    """Names of the metrics whose last part is `ending`, in order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name.rpartition("/")[2] == ending]


def plot_run(rows: Rows, path: Path, title: str = "") -> None:
    """Writes a PNG with one panel each for loss, top-1 and learning rate, where there are such."""
    from matplotlib.figure import Figure

    panels = [("loss", "loss"), ("top1", "top-1"), ("lr", "learning rate")]
    panels = [(ending, label) for ending, label in panels if names_ending(rows, ending)]
    if not panels:
        return
    figure = Figure(figsize=(4.6 * len(panels), 3.4), layout="constrained")
    for axes, (ending, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        for name in names_ending(rows, ending):
            steps, values = series(rows, name)
            held_out = not name.startswith(("train/", "optim/"))
            axes.plot(
                steps, values, label=name, lw=1.8 if held_out else 1.0, zorder=3 if held_out else 2
            )
        if ending == "loss" and all(
            v > 0 for n in names_ending(rows, ending) for v in series(rows, n)[1]
        ):
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_title(label, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    part = path.with_name(f".{path.name}")
    with part.open("wb") as file:  # also where matplotlib could not open it, in a bucket
        figure.savefig(file, format="png", dpi=120)
    part.replace(path)
