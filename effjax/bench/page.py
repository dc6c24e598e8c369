"""The report of a benchmark: report.html, report.md and tables as CSV, made from the rows alone."""

import csv
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.bench.pictures import (
    draw_curves,
    draw_expected,
    draw_scores,
    draw_sensitivity,
    save_overview,
)
from effjax.bench.results import DONE, MACHINES, Results, Row, read_lines, read_rows
from effjax.bench.scoring import CLOCKS, NEAR, Goal, Table
from effjax.bench.tables import (
    EDGE,
    claims_table,
    costs_table,
    failures_table,
    finals_table,
    flat_rows,
    repeats_table,
    score_table,
    size_of,
    times_table,
)
from effjax.config import View
from effjax.report import Display, format_latex
from effjax.report.page import Page
from effjax.report.plots import Style, make_styles
from effjax.runs.atomic import write_atomically

OVERVIEW = "overview.png"
MOST_FAILURES = 40  # rows of the table that are shown
LEAD = (
    "Every optimizer was given the same workloads, the same number of settings and the same seeds. "
    "Lower is better in every metric. A time to target is the first evaluation at the target or "
    "below it; a miss is shown as such."
)


def write_report(
    view: View, workloads: Sequence[Any], results: Results, display: Display | None = None
) -> Path:
    """Writes report.html, report.md, overview.png, rows.csv, scores and times as .csv and .tex."""
    goals = {
        w.label: Goal(w.config.metric, w.config.target, w.config.max_steps, w.config.batch_size)
        for w in workloads
    }
    rows = gather_rows(view, workloads, results.rows)
    table = Table(rows, goals, view.reference)
    styles = make_styles(table.optimizers)
    page = Page("Optimizer benchmark", LEAD)
    if table.workloads:
        save_overview(table, styles, results.folder / OVERVIEW)
        page.picture("Speed-ups and curves", OVERVIEW)
        _scores(page, table, styles)
        _claims(page, view, table)
        _times(page, table)
        _curves(page, table, styles)
        _sensitivity(page, table, styles)
        _expected(page, table, styles)
        _costs(page, table)
        _failures(page, rows)
        _repeats(page, results)
        header, body = score_table(table)
        times_header, times = times_table(table, "steps")
        _write_csv(results.folder / "scores.csv", header, body)
        _write_csv(results.folder / "times.csv", times_header, times)
        (results.folder / "scores.tex").write_text(format_latex(body, header))
        (results.folder / "times.tex").write_text(format_latex(times, times_header))
        _write_csv(results.folder / "rows.csv", *flat_rows(rows))
        if display is not None:
            display.table("scores (steps)", body, header, right=range(1, len(header)))
    _provenance(page, view, workloads, results, rows)
    write_atomically(results.folder / "report.md", page.markdown())
    path = results.folder / "report.html"
    write_atomically(path, page.html())
    if display is not None:
        display.line(f"report: {path}")
    return path


def gather_rows(view: View, workloads: Sequence[Any], own: Sequence[Row]) -> list[Row]:
    """The rows of the config's workloads and optimizers, and those of baselines it names."""
    labels = {w.identity["problem_hash"]: w.label for w in workloads}
    chosen = {row["key"]: row for row in own if row["optimizer"] in view.optimizers}
    for place in view.baselines:
        for row in read_rows(Path(place)):
            chosen.setdefault(row["key"], row)
    return [
        row | {"workload": labels[row["problem_hash"]]}
        for row in chosen.values()
        if row["problem_hash"] in labels
    ]


# -------------------------------------------------------------------------------------- sections


def _scores(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    page.section(
        "Scores",
        "Score: integral of the performance profile up to 4 times the fastest (AlgoPerf), in "
        "steps; rank: when any one workload is left out. Steps: the reference's over the "
        "optimizer's own, geometric mean over workloads and seeds at the best setting of each, "
        "with a 95 % bootstrap interval; above 1 is faster than the reference. The verdict asks "
        "that the interval does not hold 1 and that a sign-flip test over all pairs of workload "
        "and seed has p <= 0.05. Failed: trials that diverged or raised. Near best: share of "
        f"settings within {NEAR:.0%} of the optimizer's own best.",
    )
    page.table(*score_table(table), left=(4,))
    page.legend(styles)
    page.figures(draw_scores(table, styles))


def _claims(page: Page, view: View, table: Table) -> None:
    if not view.claims:
        return
    page.section(
        "Claims of the authors",
        "True here: faster, and the interval reaches the claimed factor. Not true here: the whole "
        "interval lies below it. Not distinguishable: neither can be said. The intervals of single "
        "workloads are those of a few seeds: read them as ranges.",
    )
    page.table(*claims_table(view, table), left=(1, 3, 4))


def _times(page: Page, table: Table) -> None:
    if not any(table.times().values()):
        return
    targets = ", ".join(
        f"{w} {table.goals[w].metric} <= {table.goals[w].target:g}"
        for w in table.workloads
        if table.goals[w].target is not None
    )
    page.section(
        "Time to target",
        f"Median over seeds of the fastest trial. Targets: {targets}. Seconds are a trial's share "
        "of its program's training time, evaluation not counted.",
    )
    for clock in CLOCKS:
        page.paragraph(clock)
        page.table(*times_table(table, clock))


def _curves(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    page.section(
        "Curves",
        "The best setting of each optimizer: median over seeds in the range of all seeds; the "
        "dashed line is the target.",
    )
    page.legend(styles)
    page.figures(draw_curves(table, styles))
    header, body = finals_table(table)
    at_edge = sum(EDGE in row[-1] for row in body)
    page.paragraph(
        "Final value of the metric, mean over seeds with a bootstrap interval. "
        f"{at_edge} of {len(body)} best settings lie at the edge of what was tried: a wider range "
        "might have served those optimizers better."
    )
    page.table(header, body, left=(1, 4))


def _sensitivity(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    if not any(len(found) > 1 for found in table.settings.values()):
        return
    page.section(
        "Sensitivity",
        "Final metric against the learning rate, mean over seeds; what failed is left out. Where "
        "weight decay was tuned as well, a map over both for each optimizer.",
        figures_only=True,
    )
    page.legend(styles)
    page.figures(draw_sensitivity(table, styles))


def _expected(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    if max(len(found) for found in table.settings.values()) < 2:
        return
    page.section(
        "Expected best after k trials",
        "What the best of k settings, drawn from those that were tried, may be expected to reach; "
        "a failed setting counts as the worst that any reached.",
        figures_only=True,
    )
    page.figures(draw_expected(table, styles))


def _costs(page: Page, table: Table) -> None:
    page.section(
        "What they cost",
        "On the largest workload: the optimizer's state and what an update moves, in arrays of the "
        "size of the parameters (XLA's own count); the fastest of some updates alone; what a trial "
        "takes of the device's memory. A step: median over trials of its share of a program.",
    )
    page.table(*costs_table(table), left=(1,))


def _failures(page: Page, rows: Sequence[Row]) -> None:
    failed = sum(row["status"] != DONE for row in rows)
    if not failed:
        return
    page.section("Trials that diverged or raised", f"{failed} of {len(rows)}.")
    header, body = failures_table(rows)
    page.table(header, body[:MOST_FAILURES], left=(1, 2, 3, 4))
    if len(body) > MOST_FAILURES:
        page.paragraph(f"and {len(body) - MOST_FAILURES} more: see rows.csv")


def _repeats(page: Page, results: Results) -> None:
    if results.repeats():
        page.section(
            "The same again",
            "Trials that were trained a second time; 0: every number of every curve is the same.",
        )
        page.table(*repeats_table(results.repeats()), left=(2,))


def _provenance(
    page: Page, view: View, workloads: Sequence[Any], results: Results, rows: Sequence[Row]
) -> None:
    page.section("Where this comes from", f"Command: {shlex.join(['effjax', *sys.argv[1:]])}")
    used = {row.get("machine") for row in rows}
    machines = [m for m in read_lines(results.folder / MACHINES) if m["id"] in used]
    table = [
        [
            m["id"],
            m["device"],
            f"{m['devices']} device(s), {m['cpu_cores']} CPU cores",
            ", ".join(f"{k} {v}" for k, v in m["versions"].items()),
            str(m["git"]),
        ]
        for m in machines
    ]
    page.table(["machine", "device", "size", "versions", "revision"], table, left=(1, 2, 3, 4))
    hashes = [
        [w.label, w.identity["workload_hash"], w.identity["problem_hash"], size_of(rows, w.label)]
        for w in workloads
    ]
    page.table(["workload", "hash", "hash without target", "size"], hashes, left=(1, 2, 3))
    plans = [[plan["workload"], plan["why"]] for plan in results.plans().values()]
    if plans:
        page.paragraph("How trials were put together, by a timed probe:")
        page.table(["workload", "why"], plans, left=(1,))
    page.details("Config", json.dumps(view.to_dict(), indent=1, sort_keys=True))


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
