"""What a person sees while something long runs: a live bar on a terminal, plain lines elsewhere."""

import os
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any, TextIO

from effjax.errors import ReaderGone, printable_lines
from effjax.report.pace import Pace, Values, format_seconds, format_values, progress_line
from effjax.report.tables import format_table, terminal_width

CLOCK = 10.0  # seconds of waiting before a log says so


class Display:
    """Plain lines, at most one progress line in `period` seconds; what a log file wants."""

    def __init__(self, stream: TextIO | None = None, period: float = 10.0):
        self._stream = stream or sys.stdout
        self._period = period
        self._last = time.monotonic()
        self._pace: Pace | None = None
        self._clock: threading.Event | None = None  # set to end the lines of a wait

    def start(self, total: int, done: int = 0, images: int = 0, unit: str = "step") -> None:
        """The work has `total` steps of so many images, of which `done` were made before."""
        self._end_wait()
        self._pace = Pace(total, done, images)
        self._unit = unit
        self._last = time.monotonic()

    def waiting(self, what: str) -> None:
        """Says what the program is waiting for: "compiling the step"."""
        self._end_wait()
        if self._pace is None:
            self.line(f"{what} ...")
            self._start_wait(what)
        else:
            self._pace.pause()

    def _start_wait(self, what: str) -> None:
        """Says now and then how long the wait has taken, until something else is said."""
        since = time.monotonic()
        over = threading.Event()
        self._clock = over
        # not `self`: the thread would keep a display alive that nobody has closed
        find_display = weakref.ref(self)

        def tell() -> None:
            pause = CLOCK
            while not over.wait(pause):
                waited = time.monotonic() - since
                display = find_display()
                if display is None:
                    return
                try:
                    display._write(f"{what} ... {format_seconds(waited)}")
                except ReaderGone:  # the next line of the program itself meets it too
                    return
                del display
                pause = max(CLOCK, waited / 2)  # a long wait does not fill the log

        # a daemon: a program that ends does not wait for it
        threading.Thread(target=tell, daemon=True).start()

    def _end_wait(self) -> None:
        if self._clock is not None:
            self._clock.set()
            self._clock = None

    def update(self, done: int, values: Values) -> None:
        """`done` steps are made; `values` are shown."""
        self._end_wait()
        self._pace.update(done)
        if time.monotonic() - self._last >= self._period:
            self._last = time.monotonic()
            place = f"{self._unit} {done}/{self._pace.total}"
            self.line("  ".join([place, *self._parts(values)]))

    def _parts(self, values: Values) -> list[str]:
        """What an update says, the most important first: what does not fit is cut at the end."""
        shown = [format_values({name: value}) for name, value in values.items()]
        parts = [self._pace.left(), *shown, self._pace.speed()]
        return [part for part in parts if part]

    def result(self, done: int, values: Values) -> None:
        """What an evaluation after `done` steps has found; it stays."""
        if values:
            self.line(f"step {done}  {format_values(values)}")

    def line(self, text: str, style: str = "") -> None:
        """A line that stays; `style` ("bold", "dim") where the stream has such."""
        self._end_wait()
        self._write(text)

    def _write(self, text: str) -> None:
        try:
            print(printable_lines(text), file=self._stream, flush=True)
        except BrokenPipeError:
            raise ReaderGone from None

    def warn(self, text: str) -> None:
        """A line on something that went wrong and that the program survives."""
        self.line(f"warning: {text}")

    def table(
        self,
        title: str,
        rows: Sequence[Sequence[str]],
        header: Sequence[str] = (),
        right: Sequence[int] = (),
    ) -> None:
        """A table under its title; see `format_table`."""
        if title:
            self.line(title, "bold")
        lines = format_table(rows, header, right, width=terminal_width() - 2)
        for number, line in enumerate(lines):
            self.line(f"  {line}", "dim" if header and number < 2 else "")

    def close(self) -> None:
        """The work is over or was broken off."""
        self._end_wait()


class Quiet(Display):
    """Nothing but warnings, which go to standard error."""

    def update(self, done: int, values: Values) -> None:
        pass

    def line(self, text: str, style: str = "") -> None:
        pass

    def warn(self, text: str) -> None:
        print(f"warning: {printable_lines(text)}", file=sys.stderr, flush=True)


class Results(Quiet):
    """Nothing but warnings and tables: what a command that measures is asked for."""

    def table(
        self,
        title: str,
        rows: Sequence[Sequence[str]],
        header: Sequence[str] = (),
        right: Sequence[int] = (),
    ) -> None:
        plain = Display(self._stream)
        plain.table(title, rows, header, right)


class Live(Display):
    """A line that is redrawn in place eight times a second, with others scrolling above it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.live import Live as Redrawn
        from rich.spinner import Spinner

        super().__init__(stream)
        self._console = Console(file=stream, highlight=False)
        self._spinner = Spinner("dots")
        self._values: Values = {}
        self._waiting = ""
        self._since = time.monotonic()
        self._redrawn = Redrawn(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
        )

    def start(self, total: int, done: int = 0, images: int = 0, unit: str = "step") -> None:
        super().start(total, done, images, unit)
        self._waiting = ""
        self._redrawn.start()

    def waiting(self, what: str) -> None:
        self._waiting = what
        self._since = time.monotonic()
        if self._pace is not None:
            self._pace.pause()
        self._redrawn.start()

    def update(self, done: int, values: Values) -> None:
        self._pace.update(done)
        self._values = values
        self._waiting = ""

    def _render(self) -> Any:
        from rich.text import Text

        width = self._console.width - 1
        waited = format_seconds(time.monotonic() - self._since)
        if self._pace is None:
            self._spinner.text = f"{self._waiting} {waited}"[: width - 2]
            return self._spinner
        parts = [f"{self._waiting} {waited}"] if self._waiting else []
        parts += self._parts(self._values)
        line = progress_line(width, self._pace.done, self._pace.total, parts)
        text = Text(line, no_wrap=True, overflow="crop")
        text.highlight_regex("━+", "green")
        text.highlight_regex("─+", "dim")
        return text

    def line(self, text: str, style: str = "") -> None:
        from rich.text import Text

        # the style is the text's own: print's would run on into the redrawn line
        self._console.print(Text(printable_lines(text), style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        self.line(f"warning: {text}", "yellow")

    def close(self) -> None:
        self._redrawn.stop()


def choose_display(
    quiet: bool = False, stream: TextIO | None = None, results: bool = False
) -> Display:
    """A live display on a terminal (unless TERM=dumb), plain lines into a file, or nothing.

    It goes to `stream`, standard output by default; with `results` a quiet one still shows tables.
    Colours are left out where the environment has NO_COLOR (rich sees to it).
    """
    if quiet:
        return Results(stream) if results else Quiet()
    if (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb":
        return Live(stream)
    return Display(stream)
