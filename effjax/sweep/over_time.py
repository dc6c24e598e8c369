"""A metric over training time: what a variant has reached after so many steps and seconds.

Variants whose steps cost unlike amounts are compared unfairly by steps. Seconds are those of
training: a run's median step, without compiling and without evaluations.
"""

import math
import statistics
from collections.abc import Sequence

from effjax.report.plots import Band
from effjax.report.statistics import t_interval
from effjax.runs.metrics import median_step_seconds
from effjax.trials.paired import Cells, PairedTable, Result

HEADER = ["variant", "step", "seconds", "mean", "95 % interval"]


def seconds_a_step(results: Sequence[Result]) -> float:
    """The median over seeds; NaN where none was timed."""
    seconds = []
    for result in results:
        taken = median_step_seconds(result.facts["rows"])
        if math.isfinite(taken):
            seconds.append(taken)
    return statistics.median(seconds) if seconds else math.nan


def over_seconds(band: Band, results: Sequence[Result]) -> Band | None:
    """A curve over steps as one over seconds; None where no step was timed."""
    step_seconds = seconds_a_step(results)
    if math.isnan(step_seconds):
        return None
    seconds = [step_seconds * step for step in band.x]
    return Band(seconds, band.middle, band.low, band.high)


def time_table(table: PairedTable) -> Cells:
    """(header, rows): each evaluation that all seeds of a variant have, with Student's interval."""
    body = []
    for variant in table.variants:
        finished = [result for result in table.results(variant) if result.value is not None]
        if not finished:
            continue
        step_seconds = seconds_a_step(finished)
        for step, values in common_values(finished, table.metric).items():
            interval = t_interval(values)
            seconds = "-" if math.isnan(step_seconds) else f"{step_seconds * step:.3g}"
            between = "-"  # one value has no interval
            if len(values) > 1:
                between = f"{interval.low:.4g} to {interval.high:.4g}"
            body.append([variant, str(step), seconds, f"{interval.estimate:.4g}", between])
    return HEADER, body


def common_values(results: Sequence[Result], metric: str) -> dict[int, list[float]]:
    """{step: the values of all results}, at the steps that every one of them has."""
    curves: list[dict[int, float]] = []
    for result in results:
        evaluated = [row for row in result.facts["rows"] if row.get(metric) is not None]
        curves.append({row["step"]: row[metric] for row in evaluated})
    # a run that was continued may have been evaluated at other steps
    common = set.intersection(*map(set, curves))
    return {step: [curve[step] for curve in curves] for step in sorted(common)}
