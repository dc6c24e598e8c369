"""The page of a benchmark's report, section by section, made from the rows alone."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence

from effjax.bench.pictures import (
    best_first,
    draw_curves,
    draw_expected,
    draw_scores,
    draw_sensitivity,
    save_overview,
)
from effjax.bench.results import ResultsFolder
from effjax.bench.rows import DONE, Row
from effjax.bench.scoring import NEAR, Scores
from effjax.bench.settings import CLOCKS
from effjax.bench.tables import (
    EDGE,
    claims_table,
    costs_table,
    describe_size,
    failures_table,
    finals_table,
    repeats_table,
    score_table,
    times_table,
)
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.report.page import Page
from effjax.report.plots import Style, make_styles

OVERVIEW = "overview.png"
MOST_FAILURES = 40  # rows of the table that are shown
LEAD = (
    "Every optimizer was given the same workloads, the same number of settings and the same seeds. "
    "Lower is better in every metric. A time to target is the first evaluation at the target or "
    "below it; a miss is shown as such."
)


def make_page(
    view: View,
    workloads: Sequence[Workload],
    results: ResultsFolder,
    rows: Sequence[Row],
    scores: Scores,
) -> Page:
    """The report, section by section; writes the picture that it shows."""
    page = Page("Optimizer benchmark", LEAD)
    if scores.workloads:
        styles = make_styles(scores.optimizers, best_first(scores))
        save_overview(scores, styles, results.folder / OVERVIEW)
        page.picture("Speed-ups and curves", OVERVIEW)
        _add_scores(page, scores, styles)
        _add_claims(page, view, scores)
        _add_times(page, scores)
        _add_curves(page, scores, styles)
        _add_sensitivity(page, scores, styles)
        _add_expected(page, scores, styles)
        _add_costs(page, scores)
        _add_failures(page, rows)
        _add_repeats(page, results)
    _add_provenance(page, view, workloads, results, rows)
    return page


def _add_scores(page: Page, scores: Scores, styles: Mapping[str, Style]) -> None:
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
    header, body = score_table(scores)
    page.table(header, body, left=(4,))  # the verdict; the others are numbers
    page.legend(styles)
    page.figures(draw_scores(scores, styles))


def _add_claims(page: Page, view: View, scores: Scores) -> None:
    if not view.claims:
        return
    page.section(
        "Claims of the authors",
        "True here: faster, and the interval reaches the claimed factor. Not true here: the whole "
        "interval lies below it. Not distinguishable: neither can be said. The intervals of single "
        "workloads are Student's over their seeds, which are wide for three.",
    )
    header, body = claims_table(view, scores)
    page.table(header, body, left=(1, 3, 4))


def _add_times(page: Page, scores: Scores) -> None:
    aimed = scores.aimed()
    if not aimed:
        return
    words = []
    for workload in aimed:
        goal = scores.goals[workload]
        words.append(f"{workload} {goal.metric} <= {goal.target:g}")
    page.section(
        "Time to target",
        f"Median over seeds of the fastest trial. Targets: {', '.join(words)}. Seconds are a "
        "trial's share of its program's training time, evaluation not counted.",
    )
    for clock in CLOCKS:
        page.paragraph(clock)
        header, body = times_table(scores, clock)
        page.table(header, body)


def _add_curves(page: Page, scores: Scores, styles: Mapping[str, Style]) -> None:
    page.section(
        "Curves",
        "The best setting of each optimizer: median over seeds in the range of all seeds; the "
        "dashed line is the target.",
    )
    page.legend(styles)
    page.figures(draw_curves(scores, styles))
    header, body = finals_table(scores)
    at_edge = sum(EDGE in row[-1] for row in body)
    page.paragraph(
        "Final value of the metric, mean over seeds with a bootstrap interval, and its difference "
        "from the reference's, taken seed by seed. "
        f"{at_edge} of {len(body)} best settings lie at the edge of what was tried: a wider range "
        "might have served those optimizers better."
    )
    page.table(header, body, left=(1, len(header) - 1))


def _add_sensitivity(page: Page, scores: Scores, styles: Mapping[str, Style]) -> None:
    if _most_settings(scores) < 2:
        return
    page.section(
        "Sensitivity",
        "Final metric against the learning rate, mean over seeds; what failed is left out. Where "
        "weight decay was tuned as well, a map over both for each optimizer.",
        figures_only=True,
    )
    page.legend(styles)
    page.figures(draw_sensitivity(scores, styles))


def _add_expected(page: Page, scores: Scores, styles: Mapping[str, Style]) -> None:
    if _most_settings(scores) < 2:
        return
    page.section(
        "Expected best after k trials",
        "What the best of k settings, drawn from those that were tried, may be expected to reach; "
        "a failed setting counts as the worst that any reached.",
        figures_only=True,
    )
    page.figures(draw_expected(scores, styles))


def _most_settings(scores: Scores) -> int:
    return max(len(settings) for settings in scores.settings.values())


def _add_costs(page: Page, scores: Scores) -> None:
    page.section(
        "What they cost",
        "On the largest workload: the optimizer's state and what an update moves, in arrays of the "
        "size of the parameters (XLA's own count); the fastest of some updates alone; what a trial "
        "takes of the device's memory. A step: median over trials of its share of a program.",
    )
    header, body = costs_table(scores)
    page.table(header, body, left=(1,))


def _add_failures(page: Page, rows: Sequence[Row]) -> None:
    failed = sum(row["status"] != DONE for row in rows)
    if not failed:  # no section that says that there is nothing
        return
    page.section("Trials that diverged or raised", f"{failed} of {len(rows)}.")
    header, body = failures_table(rows)
    page.table(header, body[:MOST_FAILURES], left=(1, 2, 3, 4))
    if len(body) > MOST_FAILURES:
        page.paragraph(f"and {len(body) - MOST_FAILURES} more: see rows.csv")


def _add_repeats(page: Page, results: ResultsFolder) -> None:
    repeats = results.repeats()
    if not repeats:
        return
    page.section(
        "The same again",
        "Trials that were trained a second time; 0: every number of every curve is the same.",
    )
    header, body = repeats_table(repeats)
    page.table(header, body, left=(2,))


def _add_provenance(
    page: Page,
    view: View,
    workloads: Sequence[Workload],
    results: ResultsFolder,
    rows: Sequence[Row],
) -> None:
    page.section("Where this comes from", f"Command: {shlex.join(['effjax', *sys.argv[1:]])}")
    header = ["machine", "device", "size", "versions", "revision"]
    page.table(header, _machine_rows(results, rows), left=(1, 2, 3, 4))
    hashes = []
    for workload in workloads:
        identity = workload.identity
        size = describe_size(rows, workload.label)
        hashes.append([workload.label, identity["workload_hash"], identity["problem_hash"], size])
    page.table(["workload", "hash", "hash without target", "size"], hashes, left=(1, 2, 3))
    plans = [[plan["workload"], plan["why"]] for plan in results.plans().values()]
    if plans:
        page.paragraph("How trials were grouped, by a timed probe:")
        page.table(["workload", "why"], plans, left=(1,))
    page.details("Config", json.dumps(view.to_dict(), indent=1, sort_keys=True))


def _machine_rows(results: ResultsFolder, rows: Sequence[Row]) -> list[list[str]]:
    """The machines that made the rows."""
    # rows of baselines name machines that are not listed here
    used = {row.get("machine") for row in rows}
    table = []
    for machine in results.machines():
        if machine["id"] not in used:
            continue
        versions = ", ".join(f"{name} {value}" for name, value in machine["versions"].items())
        table.append(
            [
                machine["id"],
                machine["device"],
                f"{machine['devices']} device(s), {machine['cpu_cores']} CPU cores",
                versions,
                str(machine["git"]),
            ]
        )
    return table
