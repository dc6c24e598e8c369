"""How fast something long goes, how long it has left, and both in one line.

A line is text alone: who shows it is `effjax.report.progress`.
"""

import collections
import time
from collections.abc import Mapping, Sequence

Values = Mapping[str, float]
RECENT = 30  # updates over which the speed is measured


def format_seconds(seconds: float) -> str:
    """12.3 -> "12s", 75 -> "1m15s", 4000 -> "1h06m"."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m"


def format_values(values: Values) -> str:
    """{"train/loss": 0.51234, "val/top1": 0.9} -> "loss 0.5123  val/top1 0.9"."""
    words = []
    for name, value in values.items():
        # the line shows the training itself: its prefix would only take room
        words.append(f"{name.removeprefix('train/')} {value:.4g}")
    return "  ".join(words)


def progress_line(width: int, done: int, total: int, parts: Sequence[str]) -> str:
    """A bar and what there is to say, in at most `width` columns.

    What does not fit is left out from the end, the bar first shrinks and then goes too.
    """
    # as wide as the total, so that the line does not jump at 10, 100, ...
    text = f"{done:>{len(str(total))}}/{total}"
    for part in parts:
        if len(text) + 2 + len(part) <= width:
            text += f"  {part}"
    bar = min(30, width - len(text) - 2)
    if bar < 6:  # too short to show anything
        return text[:width]
    full = round(bar * done / total) if total else 0
    return f"{'━' * full}{'─' * (bar - full)}  {text}"


class Pace:
    """How fast steps are made, and how long the rest will take."""

    def __init__(self, total: int = 0, done: int = 0, images: int = 0):
        self.total = total
        self.done = done
        self._first = done
        self._images = images
        self._began = time.monotonic()
        self._took = 0.0
        self._recent = collections.deque([(self._began, done)], RECENT)

    def update(self, done: int) -> None:
        """`done` steps are made by now."""
        now = time.monotonic()
        self.done = done
        self._took = now - self._began
        self._recent.append((now, done))

    def pause(self) -> None:
        """Something else than steps takes the time from here to the next update."""
        self._recent.clear()

    def speed(self) -> str:
        """Images a second over the last updates, in words; "" while nothing is known."""
        if len(self._recent) < 2 or not self._images:
            return ""
        since, first = self._recent[0]
        until, last = self._recent[-1]
        # two updates may fall on one tick of the clock
        rate = (last - first) * self._images / max(1e-9, until - since)
        number = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{number} images/s"

    def left(self) -> str:
        """The time left, evaluations so far included; "" while nothing is known."""
        made = self.done - self._first
        if made <= 0:
            return ""
        seconds_a_step = self._took / made
        return f"left {format_seconds(seconds_a_step * (self.total - self.done))}"
