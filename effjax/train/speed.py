"""How fast a run is: images a second, time a step, and how much of it waits for data."""

import contextlib
import time
from collections.abc import Iterator


class Speedometer:
    """Measures between two readings; evaluations and saves are left out.

    Args:
      step: the step at which it starts.
      batch_size: images of one step.
    """

    def __init__(self, step: int, batch_size: int):
        self._batch_size = batch_size
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
        return figures
