"""How fast a run is: images a second, time a step, and how much of it waits for data."""

import contextlib
import time
from collections.abc import Callable, Iterator

from effjax.contract import Source

LONG_WAIT = 0.1  # a larger share of the time spent on waiting for data is reported


class Speedometer:
    """Measures between two readings; evaluations and saves are left out.

    Args:
      step: the step at which it starts.
      batch_size: images of one step.
      advise: called once with the share of time that waits for data, if it is long; the first
        reading does not count, for it holds the start of the data pipeline.
    """

    def __init__(self, step: int, batch_size: int, advise: Callable[[float], None] | None = None):
        self._batch_size = batch_size
        self._advise = advise
        self._readings = 0
        self._reset(step)

    def _reset(self, step: int) -> None:
        self._step = step
        self._since = time.monotonic()
        self._waited = 0.0
        self._paused = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Time inside is spent on getting the next batch to the devices."""
        since = time.monotonic()
        yield
        self._waited += time.monotonic() - since

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time inside does not count."""
        since = time.monotonic()
        yield
        self._paused += time.monotonic() - since

    def read(self, step: int) -> dict[str, float]:
        """The figures since the last reading."""
        elapsed = time.monotonic() - self._since - self._paused
        # two readings may fall together: at the last step, or on a coarse clock
        seconds = max(1e-9, elapsed)
        steps = max(1, step - self._step)
        waits = round(min(1.0, self._waited / seconds), 4)
        figures = {
            "perf/images_per_sec": round(steps * self._batch_size / seconds, 2),
            "perf/step_ms": round(1e3 * seconds / steps, 3),
            "perf/data_wait_frac": waits,
        }
        self._reset(step)
        self._readings += 1
        self._warn_of_waiting(waits)
        return figures

    def _warn_of_waiting(self, waits: float) -> None:
        # the first reading holds the start of the data pipeline, which is no fault of the source
        first = self._readings == 1
        if self._advise is None or first or waits <= LONG_WAIT:
            return
        self._advise(waits)
        self._advise = None  # once is enough


def advice(source: Source, warn: Callable[[str], None]) -> Callable[[float], None]:
    """What to tell the user of a run that waits for the batches of `source`."""

    def advise(waits: float) -> None:
        warn(f"{waits:.0%} of the time passes waiting for data; try {source.remedy}")

    return advise
