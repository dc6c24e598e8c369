"""Time to a target, performance profiles and their integral, as AlgoPerf defines them.

Benchmarking Neural Network Training Algorithms, https://arxiv.org/abs/2306.07179. A time is in any
unit (updates, seconds); infinity means that the target was missed.

Shapes: S solvers, W workloads.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

Floats = Sequence[float]
Array = np.ndarray
MISSED = math.inf  # later than every time, so that a miss never is the fastest
Times = Mapping[str, Mapping[str, float]]  # solver -> workload -> time to target


def time_to_target(
    times: Floats,
    values: Floats,
    target: float,
    lower_is_better: bool,
) -> float:
    """The first time at which a curve is at `target` or better; `MISSED` if it never is.

    A value that is not finite never counts as reached.
    """
    for time, value in zip(times, values, strict=True):
        if not math.isfinite(value):
            continue
        reached = value <= target if lower_is_better else value >= target
        if reached:
            return float(time)
    return MISSED


def study_time(studies: Sequence[Floats]) -> float:
    """AlgoPerf's time of one solver on one workload.

    Args:
      studies: for each repetition (study) the times to target of its tuning trials.

    Returns:
      The median over studies of the best trial; with an even count the upper of the two in the
      middle, where a half of the studies that missed makes it `MISSED`.
    """
    best = [min(trials, default=MISSED) for trials in studies]
    # the high median: with the low one, a half of the studies could miss unseen
    return statistics.median_high(best) if best else MISSED


def ratios(times: Times, reference: str | None = None) -> dict[str, dict[str, float]]:
    """Each time over the best one of its workload, or over that of the solver `reference`.

    A miss stays `MISSED`; so does everything on a workload whose denominator is a miss.
    """
    found: dict[str, dict[str, float]] = {solver: {} for solver in times}
    for workload in _workloads(times):
        column = _column(times, workload)
        base = min(column.values()) if reference is None else column[reference]
        for solver, time in column.items():
            found[solver][workload] = _ratio(time, base)
    return found


def _column(times: Times, workload: str) -> dict[str, float]:
    """{solver: its time on one workload}."""
    return {solver: row.get(workload, MISSED) for solver, row in times.items()}


def _ratio(time: float, base: float) -> float:
    defined = math.isfinite(time) and math.isfinite(base) and base > 0
    return time / base if defined else MISSED


def performance_profile(own_ratios: Mapping[str, float], taus: Floats) -> Array:
    """rho(tau) for each tau: the share of workloads on which the ratio is at most tau."""
    values = np.array(list(own_ratios.values()), float)  # [W]
    limits = np.asarray(taus, float)[:, None]  # [T, 1]
    return (values[None, :] <= limits).mean(1)


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
    width = up_to - 1.0
    if points is not None:
        taus = np.linspace(1.0, up_to, points)
        profile = performance_profile(own_ratios, taus)
        return float(np.trapezoid(profile, taus)) / width
    # a workload adds 1 / W to rho from its ratio on: a rectangle up to the right edge
    widths = [max(0.0, up_to - max(1.0, ratio)) for ratio in own_ratios.values()]
    return math.fsum(widths) / len(widths) / width


def geometric_speedup(times: Times, solver: str, reference: str, missed: float) -> float:
    """The geometric mean over workloads of time(reference) / time(solver).

    Args:
      missed: the time that stands for a miss, such as the budget plus one.
    """
    logs = []
    for workload in _workloads(times):
        column = _column(times, workload)
        # a ratio with infinity would decide the whole mean
        base = column[reference] if math.isfinite(column[reference]) else missed
        own = column[solver] if math.isfinite(column[solver]) else missed
        logs.append(math.log(base / own))
    return math.exp(math.fsum(logs) / len(logs))


def rank(scores: Mapping[str, float]) -> list[str]:
    """Names from the best (highest) score to the worst; ties by name."""
    return sorted(scores, key=lambda name: (-scores[name], name))


def leave_one_out_ranks(times: Times, up_to: float = 4.0) -> dict[str, tuple[int, int]]:
    """Solver -> (best, worst) rank, from 1, when each workload in turn is left out."""
    places: dict[str, list[int]] = {solver: [] for solver in times}
    for left_out in _workloads(times):
        rest = _without(times, left_out)
        # where there is one workload only, nothing would be left to rank by
        if not _workloads(rest):
            rest = times
        own = ratios(rest)
        scores = {solver: profile_score(own[solver], up_to) for solver in own}
        for place, solver in enumerate(rank(scores), start=1):
            places[solver].append(place)
    return {solver: (min(found), max(found)) for solver, found in places.items()}


def _without(times: Times, left_out: str) -> Times:
    rest: dict[str, dict[str, float]] = {}
    for solver, row in times.items():
        rest[solver] = dict(row)
        rest[solver].pop(left_out, None)
    return rest


def _workloads(times: Times) -> list[str]:
    """All workloads, in order of appearance."""
    names: dict[str, None] = {}
    for row in times.values():
        names |= dict.fromkeys(row)
    return list(names)
