"""What a sweep has found: one table, pictures, paired differences over seeds."""

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from effjax.report import Display, format_count, format_seconds
from effjax.report.page import Page
from effjax.report.plots import Band, make_styles, plot_bands, plot_intervals
from effjax.report.statistics import Interval, t_interval
from effjax.runs.folder import read_summary
from effjax.runs.metrics import read_rows, write_atomically
from effjax.runs.summary import is_loss
from effjax.trials.plan import Plan, SweepTrial
from effjax.trials.worker import read_failure

ABSENT = "-"


@dataclass(frozen=True)
class Result:
    """A run as it stands: its final metric (None: failed or not finished) and its rows."""

    trial: SweepTrial
    value: float | None
    reason: str
    summary: dict[str, Any]
    rows: list[dict[str, Any]]


def read_results(plan: Plan) -> list[Result]:
    """The runs of a plan, from their folders."""
    found = []
    for trial in plan.trials:
        summary = read_summary(trial.workdir) or {}
        value = summary.get("final", {}).get(plan.metric)
        reason = read_failure(trial.workdir)
        if value is None and not reason:
            reason = f"no {plan.metric} in its summary" if summary else "not finished"
        found.append(Result(trial, value, reason, summary, read_rows(trial.workdir)))
    return found


def paired_difference(plan: Plan, results: Sequence[Result], variant: str) -> Interval | None:
    """The variant's metric minus the base's, seed by seed, with Student's 95 % interval."""
    values = {(r.trial.variant, r.trial.seed): r.value for r in results}
    pairs = [
        (values[variant, r.trial.seed], values.get((plan.base, r.trial.seed)))
        for r in results
        if r.trial.variant == variant
    ]
    differences = [own - base for own, base in pairs if own is not None and base is not None]
    return t_interval(differences) if differences else None


def verdict(difference: Interval | None, metric: str) -> str:
    """ "better", "worse" or "not distinguishable", as the interval says."""
    if difference is None:
        return ABSENT
    if difference.holds(0.0) or not math.isfinite(difference.low):
        return "not distinguishable"
    return "better" if (difference.estimate < 0) == is_loss(metric) else "worse"


def outcome_table(plan: Plan, results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    """(header, rows): one variant a row, in the order of the plan."""
    header = ["variant", plan.metric, "deviation", "seeds", f"minus {plan.base}", "verdict"]
    header += ["params", "macs", "time"]
    body = []
    for variant in plan.variants:
        own = [r for r in results if r.trial.variant == variant]
        values = [r.value for r in own if r.value is not None]
        summary = next((r.summary for r in own if r.summary), {})
        difference = None if variant == plan.base else paired_difference(plan, results, variant)
        seconds = [r.summary["wall_seconds"] for r in own if r.summary]
        body.append(
            [
                variant,
                f"{statistics.fmean(values):.4f}" if values else ABSENT,
                f"{statistics.stdev(values):.4f}" if len(values) > 1 else ABSENT,
                f"{len(values)}/{len(own)}",
                ABSENT if difference is None else _in_words(difference),
                "base" if variant == plan.base else verdict(difference, plan.metric),
                format_count(summary["parameters"]) if "parameters" in summary else ABSENT,
                format_count(summary["macs"]) if "macs" in summary else ABSENT,
                format_seconds(statistics.fmean(seconds)) if seconds else ABSENT,
            ]
        )
    return header, body


def _in_words(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return f"{interval.estimate:+.4f} (one seed)"
    return f"{interval.estimate:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def write_outcome(plan: Plan, workdir: Path, title: str, display: Display) -> Path:
    """Shows the table and writes report.html, report.md, table.csv and runs.csv."""
    results = read_results(plan)
    header, body = outcome_table(plan, results)
    display.table(f"{plan.metric} at the end", body, header, right=range(1, len(header)))
    styles = make_styles(plan.variants)
    page = Page(title, f"{len(plan.variants)} variants, {len(results)} runs.")
    page.section(
        "Table",
        f"Mean and deviation of {plan.metric} at the end over seeds. Differences are taken seed by "
        "seed, with Student's 95 % interval; 'not distinguishable' where it holds 0.",
    )
    page.table(header, body, left=(5,))
    page.legend(styles)
    page.figures(_figures(plan, results, styles))
    failed = [r for r in results if r.reason]
    if failed:
        page.section("Runs without a result")
        rows = [[r.trial.variant, str(r.trial.seed), r.reason] for r in failed]
        page.table(["variant", "seed", "why"], rows, left=(2,))
        for r in failed:
            display.warn(f"{r.trial.variant}, seed {r.trial.seed}: {r.reason}")
    page.section("Variants")
    points = {trial.variant: trial.point for trial in plan.trials}
    words = [
        [name, ", ".join(f"{k} = {v}" for k, v in point.items()) or "the config as it is"]
        for name, point in points.items()
    ]
    page.table(["variant", "sets"], words, left=(1,))
    _write_csv(workdir / "table.csv", [header, *body])
    runs = [
        [r.trial.variant, r.trial.seed, r.value, r.reason, str(r.trial.workdir)] for r in results
    ]
    _write_csv(workdir / "runs.csv", [["variant", "seed", plan.metric, "reason", "folder"], *runs])
    write_atomically(workdir / "report.md", page.markdown())
    write_atomically(workdir / "report.html", page.html())
    display.line(f"report: {workdir / 'report.html'}")
    return workdir / "report.html"


def _figures(plan: Plan, results: Sequence[Result], styles: Any) -> list[str]:
    means, differences, curves = [], [], {}
    for variant in plan.variants:
        own = [r for r in results if r.trial.variant == variant and r.value is not None]
        if not own:
            continue
        values = [r.value for r in own]
        means.append((variant, statistics.fmean(values), min(values), max(values)))
        difference = paired_difference(plan, results, variant)
        if variant != plan.base and difference is not None:
            differences.append((variant, difference.estimate, difference.low, difference.high))
        curves[variant] = _curve(own, plan.metric)
    figures = []
    if means:
        label = f"{plan.metric}, mean in the range of seeds"
        figures.append(plot_intervals(means, styles, title="At the end", x_label=label))
    if differences:
        label = f"{plan.metric}, seed by seed"
        title = f"Difference to {plan.base}"
        figures.append(plot_intervals(differences, styles, title=title, x_label=label, level=0.0))
    if any(len(band.x) > 1 for band in curves.values()):
        figures.append(
            plot_bands(curves, styles, title="Curves", x_label="step", y_label=plan.metric)
        )
    return figures


def _curve(results: Sequence[Result], metric: str) -> Band:
    """Mean over seeds in their range, at the steps that all have."""
    series = [
        {row["step"]: row[metric] for row in r.rows if row.get(metric) is not None} for r in results
    ]
    steps = sorted(set.intersection(*(set(points) for points in series)))
    values = np.array([[points[step] for step in steps] for points in series])
    return Band(steps, values.mean(0), values.min(0), values.max(0))


def _write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(["" if cell is None else cell for cell in row] for row in rows)
