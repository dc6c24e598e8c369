"""How long a search takes: its evaluations, networks of its own, and what the strategy computes.

A search that goes on begins again, and is answered from evaluations.jsonl. So what the strategy
computes is computed anew in the last sitting, and is measured there; trainings note what they have
taken in all sittings.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

COMPILING = "perf/compile_sec"


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Seconds that something took.

    Attributes:
      whole: all of them; where trainings ran side by side, theirs are added up.
      compiling: those of them in which programs of trainings were compiled, in the last sitting.
    """

    whole: float = 0.0
    compiling: float = 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.whole + other.whole, self.compiling + other.compiling)

    @property
    def working(self) -> float:
        """Those in which nothing was compiled, which is what grows with longer trainings."""
        return self.whole - self.compiling


NO_TIME = Seconds()


def seconds_of(summary: Mapping[str, Any]) -> Seconds:
    """What a run took, by its summary.json; nothing where it has not finished."""
    if not summary:
        return NO_TIME
    return Seconds(summary["wall_seconds"], summary["final"].get(COMPILING) or 0.0)


class Stopwatch:
    """Seconds inside `running`, without those inside `paused`.

    Attributes:
      seconds: so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._runs = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Time inside counts."""
        since = time.perf_counter()
        self._runs = True
        try:
            yield
        finally:
            self._runs = False
            self.seconds += time.perf_counter() - since

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count, as who is at work there notes it."""
        since = time.perf_counter()
        try:
            yield
        finally:
            if self._runs:
                self.seconds -= time.perf_counter() - since
