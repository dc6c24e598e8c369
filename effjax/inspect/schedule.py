"""The learning rates of a run, in a terminal and as a picture."""

from pathlib import Path

import numpy as np

from effjax.errors import UserError
from effjax.report import Display, plot_text
from effjax.training.setup import Setup

PLOT_COLUMNS = 72


def learning_rates(setup: Setup, points: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(steps [points], {group: rates [points]}) over the whole run."""
    last = max(0, setup.clock.total_steps - 1)
    points = min(points, last + 1)
    steps = np.linspace(0, last, points).round()
    steps = np.unique(steps.astype(int))  # rounding may give a step twice
    rates = {}
    for name, rate in setup.groups.rates.items():
        rates[name] = np.asarray(rate(steps))
    return steps, rates


def show_schedule(setup: Setup, display: Display) -> None:
    steps, rates = learning_rates(setup, PLOT_COLUMNS)
    name = setup.config.schedule.name
    labels = ("0", f"{setup.clock.total_steps:,} steps")
    # a short run has fewer steps than columns: stretched to the same width
    places = np.linspace(0, len(steps) - 1, PLOT_COLUMNS)
    for group, values in rates.items():
        columns = np.interp(places, range(len(steps)), values)
        display.line(f"learning rate of {group}: {name}", "bold")
        for line in plot_text(list(columns), labels=labels):
            display.line(f"  {line}")


def plot_rates(setup: Setup, path: Path) -> None:
    """Writes the learning rates of all groups against steps as a PNG.

    Raises:
      UserError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    steps, rates = learning_rates(setup, 1000)
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, values in rates.items():
        axes.plot(steps, values, label=name)
    axes.set_xlabel("step")
    axes.set_title(f"learning rate: {setup.config.schedule.name}", loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UserError(f"cannot write --plot={path}: {error.strerror}") from error
