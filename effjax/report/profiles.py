"""Time to a target, performance profiles and their integral, as AlgoPerf defines them.

Benchmarking Neural Network Training Algorithms, https://arxiv.org/abs/2306.07179. A time is in any
unit (updates, seconds); infinity means that the target was missed.

Shapes: S solvers, W workloads.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

MISSED = math.inf
Times = Mapping[str, Mapping[str, float]]  # solver -> workload -> time to target


def time_to_target(
    times: Sequence[float], values: Sequence[float], target: float, lower_is_better: bool
) -> float:
    """The first time at which a curve is at `target` or better; `MISSED` if it never is.

    A value that is not finite never counts as reached.
    """
    for time, value in zip(times, values, strict=True):
        reached = value <= target if lower_is_better else value >= target
        if math.isfinite(value) and reached:
            return float(time)
    return MISSED


def study_time(studies: Sequence[Sequence[float]]) -> float:
    """AlgoPerf's time of one solver on one workload.

    Args:
      studies: for each repetition (study) the times to target of its tuning trials.

    Returns:
      The median over studies of the best trial; with an even count the upper of the two in the
      middle, where a half of the studies that missed makes it `MISSED`.
    """
    best = sorted(min(trials, default=MISSED) for trials in studies)
    return statistics.median_high(best) if best else MISSED


def ratios(times: Times, reference: str | None = None) -> dict[str, dict[str, float]]:
    """Each time over the best one of its workload, or over that of the solver `reference`.

    A miss stays `MISSED`; so does everything on a workload whose denominator is a miss.
    """
    workloads = _workloads(times)
    found: dict[str, dict[str, float]] = {solver: {} for solver in times}
    for workload in workloads:
        column = {solver: row.get(workload, MISSED) for solver, row in times.items()}
        base = column[reference] if reference is not None else min(column.values())
        for solver, time in column.items():
            sound = math.isfinite(time) and math.isfinite(base) and base > 0
            found[solver][workload] = time / base if sound else MISSED
    return found


def performance_profile(own_ratios: Mapping[str, float], taus: Sequence[float]) -> np.ndarray:
    """rho(tau) for each tau: the share of workloads on which the ratio is at most tau."""
    values = np.array(list(own_ratios.values()), float)
    return (values[None, :] <= np.asarray(taus, float)[:, None]).mean(1)


def profile_score(
    own_ratios: Mapping[str, float], up_to: float = 4.0, points: int | None = None
) -> float:
    """The integral of rho from 1 to `up_to`, over `up_to` - 1: from 0 to 1, higher is better.

    Args:
      own_ratios: of one solver, as `ratios` gives them.
      up_to: the largest ratio that counts; AlgoPerf takes 4.
      points: None integrates exactly; a number takes the trapezoid rule on so many even points,
        which is what AlgoPerf publishes (100).
    """
    if points is not None:
        taus = np.linspace(1.0, up_to, points)
        area = float(np.trapezoid(performance_profile(own_ratios, taus), taus))
        return area / (up_to - 1.0)
    room = [max(0.0, up_to - max(1.0, ratio)) for ratio in own_ratios.values()]
    return math.fsum(room) / len(room) / (up_to - 1.0)


def geometric_speedup(times: Times, solver: str, reference: str, missed: float) -> float:
    """The geometric mean over workloads of time(reference) / time(solver).

    Args:
      missed: the time that stands for a miss, such as the budget plus one.
    """
    logs = []
    for workload in _workloads(times):
        pair = [times[name].get(workload, MISSED) for name in (reference, solver)]
        base, own = (time if math.isfinite(time) else missed for time in pair)
        logs.append(math.log(base / own))
    return math.exp(math.fsum(logs) / len(logs))


def rank(scores: Mapping[str, float]) -> list[str]:
    """Names from the best (highest) score to the worst; ties by name."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def leave_one_out_ranks(times: Times, up_to: float = 4.0) -> dict[str, tuple[int, int]]:
    """Solver -> (best, worst) rank, from 1, when each workload in turn is left out."""
    found: dict[str, list[int]] = {solver: [] for solver in times}
    for left_out in _workloads(times):
        rest = {
            solver: {w: t for w, t in row.items() if w != left_out} for solver, row in times.items()
        }
        if not _workloads(rest):
            rest = times
        scores = {solver: profile_score(own, up_to) for solver, own in ratios(rest).items()}
        for place, solver in enumerate(rank(scores), start=1):
            found[solver].append(place)
    return {solver: (min(places), max(places)) for solver, places in found.items()}


def _workloads(times: Times) -> list[str]:
    return list(dict.fromkeys(workload for row in times.values() for workload in row))
