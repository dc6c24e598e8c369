"""What a sweep has found: one table, pictures, paired differences over seeds."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from effjax.report import Display, format_count, format_seconds
from effjax.report.page import Page
from effjax.report.plots import Band, Style, make_styles, plot_bands, plot_intervals
from effjax.sweep.over_time import common_values, over_seconds, time_table
from effjax.trials.json_files import write_csv, write_text
from effjax.trials.outcome import read_results
from effjax.trials.paired import ABSENT, Cells, PairedTable, Result
from effjax.trials.plan import Plan
from effjax.trials.runs_table import write_runs

LEFT = (5,)  # the verdict, the one column of text in the table


def write_report(plan: Plan, workdir: Path, title: str, display: Display) -> Path:
    """Shows the table and writes report.html, report.md, table.csv and runs.csv.

    Raises:
      UserError: the disk refuses.
    """
    results = read_results(plan.trials, plan.metric)
    table = PairedTable(results, plan.metric, plan.base)
    header, body = outcome_table(table)
    display.table(f"{plan.metric} at the end", body, header, right=range(1, len(header)))
    # after the table, which is what the reader looks for
    for result in results:
        if result.reason:
            trial = result.trial
            display.warn(f"{trial.variant}, seed {trial.seed_and_fold}: {result.reason}")
    page = make_page(plan, table, results, title)
    write_csv(workdir / "table.csv", [header, *body])
    write_runs(workdir, plan.metric, results)
    write_text(workdir / "report.md", page.markdown())
    write_text(workdir / "report.html", page.html())
    display.line(f"report: {workdir / 'report.html'}")
    return workdir / "report.html"


def outcome_table(table: PairedTable) -> Cells:
    """(header, rows): one variant a row, in the order of the plan."""
    return table.cells({"params": _parameters, "macs": _macs, "time": _mean_time})


def _parameters(results: Sequence[Result]) -> str:
    return _first_count(results, "parameters")


def _macs(results: Sequence[Result]) -> str:
    return _first_count(results, "macs")


def _first_count(results: Sequence[Result], key: str) -> str:
    """A count that all seeds of a variant share, from the first that knows it."""
    # a failed seed may have no summary
    for result in results:
        count = result.facts["summary"].get(key)
        if count is not None:
            return format_count(count)
    return ABSENT


def _mean_time(results: Sequence[Result]) -> str:
    seconds = []
    for result in results:
        summary = result.facts["summary"]
        if "wall_seconds" in summary:
            seconds.append(summary["wall_seconds"])
    return format_seconds(statistics.fmean(seconds)) if seconds else ABSENT


def make_page(plan: Plan, table: PairedTable, results: Sequence[Result], title: str) -> Page:
    """The report: table, figures, runs without a result, what each variant sets."""
    styles = make_styles(plan.variants)
    page = Page(title, f"{len(plan.variants)} variants, {len(results)} runs.")
    page.section(
        "Table",
        f"Mean and deviation of {plan.metric} at the end over seeds. Differences are taken seed by "
        "seed, with Student's 95 % interval; 'not distinguishable' where it holds 0.",
    )
    header, body = outcome_table(table)
    page.table(header, body, left=LEFT)
    page.legend(styles)
    page.figures(draw_figures(table, styles))
    header, body = time_table(table)
    # an evaluation at the end alone is in the table above
    if len(body) > len(table.variants):
        page.section(
            "Over time",
            f"{table.metric} at each evaluation. Seconds are those of training alone, by a run's "
            "median step.",
        )
        page.table(header, body)
    failed = _failure_rows(results)
    if failed:
        page.section("Runs without a result")
        page.table(["variant", "seed", "why"], failed, left=(2,))
    page.section("Variants")
    page.table(["variant", "sets"], _variant_rows(plan), left=(1,))
    return page


def _failure_rows(results: Sequence[Result]) -> list[list[str]]:
    rows = []
    for result in results:
        if result.reason:
            trial = result.trial
            rows.append([trial.variant, trial.seed_and_fold, result.reason])
    return rows


def _variant_rows(plan: Plan) -> list[list[str]]:
    # the same for all seeds of a variant
    settings = {trial.variant: trial.settings for trial in plan.trials}
    rows = []
    for variant, point in settings.items():
        words = ", ".join(f"{key} = {value}" for key, value in point.items())
        rows.append([variant, words or "the config as it is"])
    return rows


def draw_figures(table: PairedTable, styles: Mapping[str, Style]) -> list[str]:
    """Values at the end, differences to the base, and curves, as SVG text."""
    metric = table.metric
    figures = []
    ranges = _ranges(table)
    if ranges:
        label = f"{metric}, mean in the range of seeds"
        figures.append(plot_intervals(ranges, styles, title="At the end", x_label=label))
    differences = _differences(table)
    if differences:
        title = f"Difference to {table.base}"
        label = f"{metric}, seed by seed"
        figures.append(plot_intervals(differences, styles, title=title, x_label=label, level=0.0))
    curves = _curves(table)
    # an evaluation at the end alone is no curve
    if any(len(band.x) > 1 for band in curves.values()):
        figures.append(plot_bands(curves, styles, title="Curves", x_label="step", y_label=metric))
        timed = _over_seconds(table, curves)
        if timed:
            label = "seconds of training"
            figures.append(plot_bands(timed, styles, title="Time", x_label=label, y_label=metric))
    return figures


def _over_seconds(table: PairedTable, curves: Mapping[str, Band]) -> dict[str, Band]:
    """The curves whose runs were timed, over seconds."""
    timed = {}
    for variant, band in curves.items():
        moved = over_seconds(band, table.results(variant))
        if moved is not None:
            timed[variant] = moved
    return timed


def _ranges(table: PairedTable) -> list[tuple[str, float, float, float]]:
    """(variant, mean, lowest, highest) of those that have a value."""
    rows = []
    for variant in table.variants:
        values = list(table.values(variant).values())
        # the range of what was seen, not an interval: that is the next picture's
        if values:
            rows.append((variant, statistics.fmean(values), min(values), max(values)))
    return rows


def _differences(table: PairedTable) -> list[tuple[str, float, float, float]]:
    """(variant, difference to the base, low, high)."""
    rows = []
    for variant in table.variants:
        difference = table.difference(variant)
        if variant != table.base and difference is not None:
            rows.append((variant, difference.estimate, difference.low, difference.high))
    return rows


def _curves(table: PairedTable) -> dict[str, Band]:
    """{variant: the mean of its finished runs in their range}."""
    curves = {}
    for variant in table.variants:
        # a run that goes on has a curve too, which ends where the others do not
        finished = [result for result in table.results(variant) if result.value is not None]
        if finished:
            curves[variant] = mean_curve(finished, table.metric)
    return curves


def mean_curve(results: Sequence[Result], metric: str) -> Band:
    """The mean over seeds in their range, at the steps that all of them have."""
    common = common_values(results, metric)
    values = np.array(list(common.values()))  # [steps, seeds]
    return Band(list(common), values.mean(1), values.min(1), values.max(1))
