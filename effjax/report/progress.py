"""What a person sees while something long runs: a live bar on a terminal, plain lines elsewhere."""

import os
import sys
import time
from typing import Any, TextIO


def format_seconds(seconds: float) -> str:
    """12.3 -> "12s", 75 -> "1m15s", 4000 -> "1h06m"."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes}m{seconds:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def format_values(values: dict[str, float]) -> str:
    """{"train/loss": 0.51234} -> "train/loss 0.5123"."""
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


class Display:
    """Plain lines, at most one progress line in `period` seconds; what a log file wants."""

    def __init__(self, stream: TextIO | None = None, period: float = 10.0):
        self._stream = stream or sys.stdout
        self._period = period
        self._last = self._began = time.monotonic()
        self._done = self._total = self._start = 0

    def start(self, total: int, done: int = 0) -> None:
        """The work has `total` steps, of which `done` were made before."""
        self._total, self._start, self._done = total, done, done
        self._last = self._began = time.monotonic()

    def waiting(self, what: str) -> None:
        """Says what the program is waiting for: "compiling the step"."""
        self.line(f"{what} ...")

    def update(self, done: int, values: dict[str, float]) -> None:
        """`done` steps are made; `values` are shown."""
        self._done = done
        if time.monotonic() - self._last >= self._period:
            self._last = time.monotonic()
            self.line(f"step {done}/{self._total}  {format_values(values)}  left {self.left()}")

    def left(self) -> str:
        """The time left, as far as can be told."""
        made = self._done - self._start
        if made <= 0:
            return "?"
        each = (time.monotonic() - self._began) / made
        return format_seconds(each * (self._total - self._done))

    def line(self, text: str) -> None:
        """A line that stays."""
        print(text, file=self._stream, flush=True)

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        """A two-column table."""
        width = max((len(name) for name, _ in rows), default=0)
        self.line(title)
        for name, value in rows:
            self.line(f"  {name:<{width}}  {value}")

    def close(self) -> None:
        """The work is over or was broken off."""


class Quiet(Display):
    """Nothing but warnings, which go to standard error."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def waiting(self, what: str) -> None:
        pass

    def update(self, done: int, values: dict[str, float]) -> None:
        pass

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        pass


class Live(Display):
    """A progress bar that is redrawn in place, with lines scrolling above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__()
        self._console = Console(highlight=False)
        self._bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            refresh_per_second=8,
            transient=True,
        )
        self._task: Any = None

    def start(self, total: int, done: int = 0) -> None:
        super().start(total, done)
        if self._task is None:
            self._task = self._bar.add_task("", total=total, completed=done, text="")
            self._bar.start()
        self._bar.reset(self._task, total=total, completed=done)

    def waiting(self, what: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task("", total=None, text=what)
            self._bar.start()
        self._bar.update(self._task, text=what)

    def update(self, done: int, values: dict[str, float]) -> None:
        self._done = done
        text = f"{format_values(values)}  left {self.left()}"
        self._bar.update(self._task, completed=done, text=text)

    def line(self, text: str) -> None:
        self._console.print(text, markup=False)

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        from rich.table import Table

        table = Table(title=title, show_header=False, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def close(self) -> None:
        self._bar.stop()


def choose_display(quiet: bool = False) -> Display:
    """A live display on a terminal (unless TERM=dumb), plain lines into a file, or nothing.

    Colours are left out where the environment has NO_COLOR (rich sees to it).
    """
    if quiet:
        return Quiet()
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return Live()
    return Display()
