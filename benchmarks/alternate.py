"""Measure several callables in turn, so that whatever else the machine does meets all of them."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

# Before torch is imported: its threads would go on spinning after their work, in others' time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@dataclass(frozen=True)
class Timing:
    """Seconds of each call; entry n of every callable was taken in round n."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def over(self, other: "Timing") -> tuple[float, float, float]:
        """Median and quartiles of the ratio to ``other``, round by round."""
        ratios = [mine / its for mine, its in zip(self.seconds, other.seconds)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return middle, low, high


def alternate(
    calls: dict[str, Callable[[], object]],
    rounds: int = 20,
    seconds: float = 3.0,
    before: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Run each of ``calls`` once a round, after one round that is not counted.

    Stops after ``rounds``, or earlier when ``seconds`` have passed and 5 rounds are done. A call
    has to block until its result is there. Each is preceded by ``before`` calls of its own that are
    not counted: as in a run, where memory that a step gave back has not yet gone to others. Where
    others use the machine, `time.process_time` as the clock leaves them out.
    """
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    for done in range(rounds):
        if done >= 5 and time.perf_counter() - start > seconds:
            break
        for name, call in calls.items():
            for _ in range(before):
                call()
            since = clock()
            call()
            taken[name].append(clock() - since)
    return {name: Timing(values) for name, values in taken.items()}


def ratio_text(timing: Timing, other: Timing) -> str:
    """`0.52 (0.49-0.60)`: median and quartiles of timing / other."""
    middle, low, high = timing.over(other)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"
