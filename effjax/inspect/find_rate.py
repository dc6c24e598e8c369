"""`effjax show --find-lr`: the loss against a rising learning rate, and which one to take."""

from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from effjax.errors import UserError
from effjax.report import Display
from effjax.report.plots import dress
from effjax.tasks.run import build
from effjax.training.find_rate import RateTest, find_rate

PICTURE = Path("find_lr.png")
CLIPPED = 1.6  # the picture reaches to so many times the first loss


def show_rate_test(
    config: ml_collections.ConfigDict, display: Display, updates: int, path: Path | None = None
) -> RateTest:
    """Runs the range test of a config, shows what it says and draws it.

    Args:
      config: what to train; nothing of the run is written.
      updates: of the test.
      path: of the picture; None: find_lr.png.

    Raises:
      UserError: the config is wrong, the test says nothing, or the picture cannot be written.
    """
    path = path or PICTURE
    setup = build(config)
    (group, *_) = setup.groups.rates
    found = find_rate(setup, display, updates)
    display.close()
    rows = [
        ("the loss falls fastest at", f"{found.suggested:.2g}"),
        ("it is least at", f"{found.least:.2g}"),
        ("now in the config", f"{config.optim[group].learning_rate:.2g}"),
        ("updates", f"{len(found.losses)} of {updates}, rate 1e-07 to {found.rates[-1]:.2g}"),
        ("picture", str(path)),
    ]
    display.table(f"learning rate of {group}", rows)
    display.line(f"take it: --config.optim.{group}.learning_rate={found.suggested:.2g}")
    plot_rate_test(found, path, config.optim[group].learning_rate)
    return found


def plot_rate_test(found: RateTest, path: Path, configured: float) -> None:
    """Draws the losses of a range test.

    Args:
      configured: the rate of the config, for comparison.

    Raises:
      UserError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, ".", color="0.7", ms=3, label="loss of one update")
    axes.plot(found.rates, found.smoothed, color="C0", label="smoothed")
    _mark(axes, found.suggested, "C2", f"falls fastest: {found.suggested:.2g}")
    _mark(axes, found.least, "C3", f"least: {found.least:.2g}")
    if found.rates[0] <= configured <= found.rates[-1]:
        _mark(axes, configured, "0.4", f"in the config: {configured:.2g}", style=":")
    axes.set_xscale("log")
    low = float(np.min(found.losses))
    high = max(CLIPPED * float(found.losses[0]), 1.1 * float(found.smoothed[0]))
    margin = 0.1 * (high - low)
    axes.set_ylim(low - margin, high)
    dress(axes, "Learning-rate range test", "learning rate", "training loss")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UserError(f"cannot write --plot={path}: {error.strerror}") from error


def _mark(axes: Any, rate: float, color: str, label: str, style: str = "--") -> None:
    axes.axvline(rate, color=color, ls=style, lw=1.2, label=label)
