"""How fast a run is: images a second, time a step, and how much of it waits for data."""

import contextlib
import time
from collections.abc import Callable, Iterator

from effjax.contract import Source

LONG_WAIT = 0.1  # the share of a run that may pass waiting for data before the user is told


class Speedometer:
    """Measures between two readings; evaluations and saves are left out.

    Args:
      step: the step at which it starts.
      batch_size: images of one step.
      advise: called once with the share of time that waits for data, if it is long; the first
        reading does not count, for it holds the start of the data pipeline.
    """

    def __init__(self, step: int, batch_size: int, advise: Callable[[float], None] | None = None):
        self._batch_size, self._advise, self._readings = batch_size, advise, 0
        self._reset(step)

    def _reset(self, step: int) -> None:
        self._step, self._since = step, time.monotonic()
        self._waited = self._paused = 0.0

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
        seconds = max(1e-9, time.monotonic() - self._since - self._paused)
        steps = max(1, step - self._step)
        figures = {
            "perf/images_per_sec": round(steps * self._batch_size / seconds, 2),
            "perf/step_ms": round(1e3 * seconds / steps, 3),
            "perf/data_wait_frac": round(min(1.0, self._waited / seconds), 4),
        }
        self._reset(step)
        self._readings += 1
        waits = figures["perf/data_wait_frac"]
        if self._advise is not None and self._readings > 1 and waits > LONG_WAIT:
            self._advise(waits)
            self._advise = None
        return figures


def advice(source: Source, warn: Callable[[str], None]) -> Callable[[float], None]:
    """What to tell the user of a run that waits for the batches of `source`."""

    def advise(waits: float) -> None:
        warn(f"{waits:.0%} of the time passes waiting for data; try {source.remedy}")

    return advise
