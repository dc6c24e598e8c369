"""Tables, plots and progress displays; knows nothing of the rest of effjax."""

from effjax.report.curves import plot_run
from effjax.report.progress import Display, choose_display, format_seconds

__all__ = ["Display", "choose_display", "format_seconds", "plot_run"]
