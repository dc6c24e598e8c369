"""Pictures of a classifier's quality: confusion, reliability, error against severity."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.report.figures import save_figure
from effjax.report.style import fit_title, is_grey, label_ends, line_colours, shorten_middle

NAME = 28  # letters of a class's name
NAMED = 40  # classes up to which a confusion matrix names them
WITH_NUMBERS = 15  # classes up to which it shows its counts


def draw_confusion(path: Path, counts: np.ndarray, names: Sequence[str], title: str = "") -> None:
    """Writes a PNG of a confusion matrix [K, K], rows (the truth) scaled to shares."""
    from matplotlib.figure import Figure

    images_of_class = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(images_of_class, 1)  # a class without images stays empty
    classes = len(counts)
    # inches: a line of text a class, as long as the page can hold it
    side = min(12.0, max(4.5, 0.32 * classes + 2.2))
    figure = Figure(figsize=(side + 0.9, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    if classes <= NAMED:
        shown = [shorten_middle(name, NAME) for name in names]
        axes.set_xticks(
            range(classes), shown, rotation=60, ha="right", rotation_mode="anchor", fontsize=8
        )
        axes.set_yticks(range(classes), shown, fontsize=8)
    if classes <= WITH_NUMBERS:
        _write_counts(axes, counts, shares)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    # over the whole figure: a matrix of few classes is narrower than its title
    figure.suptitle(fit_title(title, side + 0.7), fontsize=10)
    save_figure(figure, path)


def _write_counts(axes: Any, counts: np.ndarray, shares: np.ndarray) -> None:
    """The number of each cell that is not empty, white on dark ones."""
    for row, column in zip(*np.nonzero(counts)):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def draw_reliability(
    path: Path,
    edges: np.ndarray,
    counts: np.ndarray,
    accuracy: np.ndarray,
    title: str = "",
) -> None:
    """Writes a PNG: accuracy against confidence in bins with `edges` [n + 1], and their counts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    full = counts > 0  # the accuracy of an empty bin is not 0 but unknown
    middle = (edges[1:] + edges[:-1]) / 2
    width = 0.95 * np.diff(edges)
    above.bar(middle[full], accuracy[full], width[full], color="tab:blue", label="accuracy")
    above.plot([0, 1], [0, 1], "--", color="0.3", lw=1, label="perfectly calibrated")
    above.set_ylabel("accuracy")
    above.set_ylim(0, 1)
    above.legend(fontsize=8, frameon=False, loc="upper left")
    above.set_title(fit_title(title, 4.2), loc="left", fontsize=10)
    below.bar(middle, counts / max(1, counts.sum()), width, color="0.6")
    below.set_ylabel("share of images")
    below.set_xlabel("confidence")
    below.set_xlim(0, 1)
    save_figure(figure, path)


def draw_severities(
    path: Path, errors: Mapping[str, Sequence[float]], clean: float, title: str = ""
) -> None:
    """Writes a PNG: error in percent against severity 1, 2, ..., a line a kind of damage.

    The names stand at the lines' ends; the kinds that do most harm have colours.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes = figure.subplots()
    names = list(errors)
    worst_first = sorted(range(len(names)), key=lambda place: -errors[names[place]][-1])
    colours = line_colours(len(names), worst_first)
    ends = []
    for name, colour in zip(names, colours):
        # every line begins at severity 0, with the undamaged images
        percent = 100 * np.array([clean, *errors[name]])
        steps = range(len(percent))
        order = 2 if is_grey(colour) else 3
        axes.plot(steps, percent, marker=".", lw=1.3, color=colour, zorder=order, label=name)
        ends.append((percent[-1], name, colour))
    axes.set_xlabel("severity (0: undamaged)")
    axes.set_ylabel("error, %")
    axes.grid(alpha=0.3)
    axes.set_title(fit_title(title, 6.6), loc="left", fontsize=10)
    label_ends(axes, ends)
    save_figure(figure, path)
