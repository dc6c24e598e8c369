"""The picture of an elastic network: accuracies of its sub-networks against multiply-adds."""

import json
from collections.abc import Sequence
from pathlib import Path

from effjax.compress.elastic.costs import ElasticCosts
from effjax.compress.elastic.measure import Trained, drawn_points
from effjax.report import Display, format_count
from effjax.report.figures import save_figure
from effjax.report.style import COLOURS, GREY
from effjax.runs.atomic import write_atomically

RECORD, PICTURE = "elastic.json", "elastic.png"
DRAWN = 24  # sub-networks in the picture


def measure_curve(
    trained: Trained,
    workdir: Path,
    display: Display,
) -> list[dict]:
    """Measures the smallest, the largest and drawn sub-networks on the held-out images.

    Returns:
      [{"point", "params", "macs", "top1"}], the smallest first; also in elastic.json.
    """
    net = trained.task.supernet
    costs = ElasticCosts(net, trained.task.model.num_classes)
    split = trained.split(None)
    rows = []
    for point in drawn_points(trained, DRAWN):
        rows.append(
            {
                "point": list(point),
                "params": costs.of(point, "params"),
                "macs": costs.of(point, "macs"),
                "top1": trained.accuracy(point, split),
            }
        )
    content = {"space": net.space.spec(), "points": net.space.size, "measured": rows}
    write_atomically(workdir / RECORD, json.dumps(content, indent=1) + "\n")
    plot_curve(rows, workdir / PICTURE)
    smallest, largest = rows[:2]
    for name, row in (("smallest", smallest), ("largest", largest)):
        display.line(
            f"{name}: top1 {row['top1']:.4f}, {format_count(row['params'])} parameters, "
            f"{format_count(row['macs'])} multiply-adds"
        )
    display.line(f"{net.space.size:,} sub-networks; picture: {workdir / PICTURE}")
    return rows


def plot_curve(
    rows: Sequence[dict],
    path: Path,
) -> None:
    """Writes a PNG: top-1 against multiply-adds, the first row the smallest, the second whole."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    macs = [row["macs"] / 1e6 for row in rows]
    top1 = [100 * row["top1"] for row in rows]
    axes.plot(macs[2:], top1[2:], "o", color=GREY, ms=5, label="drawn sub-networks")
    axes.plot(macs[:1], top1[:1], "v", color=COLOURS[1], ms=8, label="smallest")
    axes.plot(macs[1:2], top1[1:2], "^", color=COLOURS[0], ms=8, label="the network itself")
    axes.set_xlabel("million multiply-adds")
    axes.set_ylabel("top-1, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    save_figure(figure, path)
