"""What a cut leaves behind in a folder: architecture, weights, a record, a picture of what stays.

What is left is trained further, evaluated and exported as any other network.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from effjax import models
from effjax.compress.narrow import Narrowed
from effjax.compress.sites import Site
from effjax.config import read_json
from effjax.report import Display, format_count, format_table
from effjax.report.figures import save_figure
from effjax.report.style import COLOURS, GREY
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS

NARROWED = "narrowed.json"
PICTURE = "narrowed.png"

Costs = Mapping[str, Sequence[float]]  # {"params", "macs", "latency": (before, after)}


class CutRecord(TypedDict):
    """What narrowed.json holds."""

    importance: str
    budget: str
    costs: dict
    kept: dict
    of: dict
    blocks_gone: list
    search: NotRequired[dict]


def read_cut(folder: Path) -> CutRecord:
    """narrowed.json of a folder.

    Raises:
      UserError: the file holds something else.
    """
    return read_json(folder / NARROWED, CutRecord, "remove the folder and cut again")


def write_cut(
    name: str,
    found: Narrowed,
    sites: Sequence[Site],
    method: str,
    amount: str,
    out: Path,
    gone: Sequence[tuple[int, int]] = (),
    search: Mapping[str, Any] | None = None,
) -> None:
    """Writes a cut network into a folder, with a record and a picture of what is kept.

    Args:
      gone: (stage, block) of what has gone whole.
      search: what the search for the layers' ratios says; None: there was none.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = models.without_tag(name)
    models.write_architecture(name, found.model.architecture, out / FOUND_ARCHITECTURE)
    models.save_weights(found.model, found.variables, str(out / FOUND_WEIGHTS))
    record = {
        "importance": method,
        "budget": amount,
        "costs": found.costs,
        "kept": found.kept,
        "of": {site.group.name: site.group.size for site in sites},
        "blocks_gone": [list(block) for block in gone],
    }
    if search is not None:
        record["search"] = dict(search)
    write_atomically(out / NARROWED, json.dumps(record, indent=1) + "\n")
    if sites:
        plot_kept(record["of"], found.kept, out / PICTURE)


def show(
    costs: Costs,
    display: Display,
) -> None:
    """A table of what the network costs, before and after."""
    rows = []
    for unit, (before, after) in costs.items():
        shown = "{:.3g} ms".format if unit == "latency" else format_count
        rows.append([unit, shown(before), shown(after), f"{100 * after / before:.0f} %"])
    for line in format_table(rows, ["cost", "before", "after", "left"], right=(1, 2, 3)):
        display.line(line)


def plot_kept(
    sizes: dict[str, int],
    kept: dict[str, list[int]],
    path: Path,
) -> None:
    """Writes a PNG: of each group how many channels stay."""
    from matplotlib.figure import Figure

    names = list(sizes)[:60]
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(names)), layout="constrained")
    axes = figure.subplots()
    # shares: heads are few, and hidden channels many
    stay = []
    labels = []
    for name in names:
        left = len(kept[name]) if name in kept else sizes[name]
        stay.append(100 * left / sizes[name])
        labels.append(f"{name}  {left} of {sizes[name]}")
    axes.barh(labels, [100] * len(names), color=GREY, label="before")
    axes.barh(labels, stay, color=COLOURS[0], height=0.4, label="kept")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("% of channels or heads")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save_figure(figure, path)
