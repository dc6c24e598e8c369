"""The report of a benchmark: report.html, report.md and tables as CSV, made from the rows alone."""

import csv
import itertools
import json
import math
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.bench.results import DONE, MACHINES, Results, Row, read_lines, read_rows
from effjax.bench.scoring import CLOCKS, NEAR, Goal, Setting, Table, claim_verdict
from effjax.config import View
from effjax.report import Display, format_bytes, format_count, format_latex
from effjax.report.page import Page
from effjax.report.plots import (
    Band,
    Style,
    make_styles,
    plot_bands,
    plot_heat,
    plot_intervals,
    plot_profiles,
)
from effjax.report.profiles import MISSED, rank, ratios
from effjax.report.statistics import Interval, pooled_deviation
from effjax.train.writers import write_atomically

ABSENT = "-"
LEAD = (
    "Every optimizer was given the same workloads, the same number of settings and the same seeds. "
    "Lower is better in every metric. A time to target is the first evaluation at the target or "
    "below it; a miss is shown as such."
)


def write_report(
    view: View, workloads: Sequence[Any], results: Results, display: Display | None = None
) -> Path:
    """Writes report.html, report.md, rows.csv, scores and times as .csv and .tex."""
    goals = {
        w.label: Goal(w.config.metric, w.config.target, w.config.max_steps, w.config.batch_size)
        for w in workloads
    }
    rows = gather_rows(view, workloads, results.rows)
    table = Table(rows, goals, view.reference)
    styles = make_styles(table.optimizers)
    page = Page("Optimizer benchmark", LEAD)
    if table.workloads:
        header, body = score_table(table)
        _scores(page, table, styles, header, body)
        _claims(page, view, table)
        _times(page, table)
        _curves(page, table, styles)
        _sensitivity(page, table, styles)
        _expected(page, table, styles)
        _failures(page, rows)
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


# ---------------------------------------------------------------------------------------- scores


def score_table(table: Table) -> tuple[list[str], list[list[str]]]:
    """(header, rows): one optimizer a row, the best score first."""
    scores, ranges = table.scores(), table.rank_ranges()
    order = rank(scores) if scores else table.optimizers
    header = ["optimizer", "score", "rank", f"steps, {table.reference} / own", "verdict", "p"]
    header += ["targets", "failed", "near best", "state", "update"]
    body = []
    for name in order:
        comparison = table.compare(name)
        failed, trials = table.divergence(name)
        times = table.times()[name]
        reached = sum(math.isfinite(t) for t in times.values())
        own = name == table.reference
        low, high = ranges.get(name, (0, 0))
        body.append(
            [
                name,
                f"{scores[name]:.3f}" if scores else ABSENT,
                f"{low}-{high}" if low != high else f"{low}",
                "1" if own else in_words(comparison.ratio),
                "reference" if own else comparison.verdict,
                ABSENT if own or not comparison.pairs else f"{comparison.p:.2g}",
                f"{reached}/{len(times)}",
                f"{failed}/{trials}",
                f"{table.near_best(name):.0%}",
                *_costs(table, name),
            ]
        )
    return header, body


def _costs(table: Table, name: str) -> tuple[str, str]:
    """State in arrays of the parameters' size, and the update, on the largest workload."""
    rows = [r for r in table.rows(name) if r.get("parameters")]
    if not rows:
        return ABSENT, ABSENT
    row = max(rows, key=lambda r: r["parameters"])
    arrays = row["state_bytes"] / (4 * row["parameters"])
    moves = row["update_moves"]
    return (
        f"{arrays:.1f}",
        ABSENT if moves is None else f"{moves:.0f} moves, {row['update_ms']:.2g} ms",
    )


def in_words(interval: Interval) -> str:
    """1.32 (1.1 to 1.6)."""
    if not math.isfinite(interval.estimate):
        return ABSENT
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _scores(
    page: Page,
    table: Table,
    styles: Mapping[str, Style],
    header: Sequence[str],
    body: Sequence[Sequence[str]],
) -> None:
    page.section(
        "Scores",
        "Score: integral of the performance profile up to 4 times the fastest (AlgoPerf), in "
        "steps; rank: when any one workload is left out. Steps: the reference's over the "
        "optimizer's own, geometric mean over workloads and seeds at the best setting of each, "
        "with a 95 % bootstrap interval; above 1 is faster than the reference. The verdict asks "
        "that the interval does not hold 1 and that a sign-flip test over all pairs of workload "
        "and seed has p <= 0.05. Failed: trials that diverged or raised. Near best: share of "
        f"settings within {NEAR:.0%} of the optimizer's own best. State and update: arrays of "
        "parameter size kept, and moved in one update by XLA's count.",
    )
    page.table(header, body, left=(4,))
    page.legend(styles)
    figures = []
    for clock in ("steps", "seconds"):
        times = table.times(clock)
        if any(times.values()):
            title = f"Performance profiles, {clock}"
            figures.append(plot_profiles(ratios(times), styles, title=title))
    intervals = []
    for name in table.optimizers:
        found = table.compare(name)
        if name != table.reference and found.pairs:
            r = found.ratio
            intervals.append((name, r.estimate, r.low, r.high))
    if intervals:
        intervals.sort(key=lambda entry: -entry[1])
        label = f"steps of {table.reference} / own steps"
        title = "Speed-up to target"
        figures.append(
            plot_intervals(intervals, styles, title=title, x_label=label, level=1.0, log_x=True)
        )
    page.figures(figures)


def _claims(page: Page, view: View, table: Table) -> None:
    if not view.claims:
        return
    page.section(
        "Claims of the authors",
        "True here: faster, and the interval reaches the claimed factor. Not true here: the whole "
        "interval lies below it. Partly or not distinguishable: neither can be said.",
    )
    rows = []
    for name, factor in view.claims:
        found = table.compare(name)
        words = in_words(found.ratio), found.verdict, claim_verdict(found, factor)
        rows.append([name, f"{factor:g} times fewer steps", *words])
    page.table(
        ["optimizer", "claim", "measured", "against the reference", "answer"], rows, (1, 3, 4)
    )


# ----------------------------------------------------------------------------------------- times


def times_table(table: Table, clock: str) -> tuple[list[str], list[list[str]]]:
    """(header, rows): the median time to target of each optimizer's best trials."""
    times = table.times(clock)
    aimed = [w for w in table.workloads if table.goals[w].target is not None]
    body = [
        [name, *(format_time(times[name][w], clock) for w in aimed)] for name in table.optimizers
    ]
    return ["optimizer", *aimed], body


def format_time(time: float, clock: str) -> str:
    """A time to target in its unit; "miss" if there is none."""
    if time == MISSED:
        return "miss"
    return f"{time:.3g}" if clock.startswith("seconds") else f"{time:.0f}"


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


# ---------------------------------------------------------------------------------------- curves


def band_of(setting: Setting, metric: str) -> Band:
    """Median over seeds inside the range of all of them."""
    rows = [row for row in setting.rows.values() if row.get("values")]
    if not rows:
        return Band([], [])
    values = np.array([_numbers(row["values"][metric]) for row in rows])
    with np.errstate(all="ignore"):
        middle = np.median(values, 0)
    return Band(rows[0]["steps"], middle, values.min(0), values.max(0))


def _curves(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    page.section(
        "Curves",
        "The best setting of each optimizer: median over seeds in the range of all seeds; the "
        "dashed line is the target.",
    )
    page.legend(styles)
    figures, rows = [], []
    for workload in table.workloads:
        goal = table.goals[workload]
        best = {name: table.best(workload, name) for name in table.optimizers}
        best = {name: setting for name, setting in best.items() if setting is not None}
        bands = {name: band_of(setting, goal.metric) for name, setting in best.items()}
        bands = {name: band for name, band in bands.items() if len(band.x)}
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="step",
                y_label=goal.metric,
                log_y=True,
                level=goal.target,
                top=_sensible_top(bands),
            )
        )
        for name, setting in best.items():
            interval = table.final_interval(setting)
            chosen = ", ".join(f"{k} {_short(v)}" for k, v in setting.settings.items())
            sigma, _ = pooled_deviation([[v for v in setting.finals() if math.isfinite(v)]])
            deviation = f"{sigma:.2g}" if math.isfinite(sigma) else ABSENT
            rows.append([workload, name, _final(interval), deviation, chosen])
    page.figures(figures)
    page.paragraph("Final value of the metric, mean over seeds with a bootstrap interval.")
    header = ["workload", "optimizer", "final", "deviation over seeds", "best setting"]
    page.table(header, rows, left=(1, 4))


def _final(interval: Interval) -> str:
    if not math.isfinite(interval.estimate):
        return "failed"
    return f"{interval.estimate:.4g} ({interval.low:.4g} to {interval.high:.4g})"


def _sensible_top(bands: Mapping[str, Band]) -> float | None:
    """Where to cut a picture: a little above where the curves begin."""
    first = [band.middle[0] for band in bands.values() if math.isfinite(band.middle[0])]
    return 2.0 * statistics.median(first) if first else None


# ----------------------------------------------------------------------------------- sensitivity


def _sensitivity(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    if not any(len(found) > 1 for found in table.settings.values()):
        return
    page.section(
        "Sensitivity",
        "Final metric against the learning rate, mean over seeds; what failed is left out. Where "
        "weight decay was tuned as well, a map over both for each optimizer.",
    )
    page.legend(styles)
    figures = []
    for workload in table.workloads:
        goal, bands = table.goals[workload], {}
        for name in table.optimizers:
            points = sorted(
                (s.settings["learning_rate"], s.final) for s in table.of(workload, name)
            )
            if points:
                bands[name] = Band(*zip(*points))
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="learning rate",
                y_label=f"final {goal.metric}",
                log_x=True,
                log_y=True,
                marks=True,
            )
        )
        figures += _maps(table, workload)
    page.figures(figures)


def _maps(table: Table, workload: str) -> list[str]:
    """Learning rate by weight decay for each optimizer that was given more than one decay."""
    figures = []
    for name in table.optimizers:
        found = table.of(workload, name)
        decays = {s.settings.get("weight_decay") for s in found}
        if len(decays) > 1 and None not in decays:
            figures.append(_map(workload, name, found))
    return figures


def _map(workload: str, name: str, found: Sequence[Setting]) -> str:
    """Settings put into 5 x 5 cells, evenly spaced in the logarithm; the best of each cell."""
    places = {}
    for key in ("learning_rate", "weight_decay"):
        values = np.array([max(s.settings[key], 1e-12) for s in found])
        edges = np.geomspace(values.min(), values.max() * (1 + 1e-9), 6)
        cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, 4)
        places[key] = cell, [f"{math.sqrt(a * b):.1g}" for a, b in itertools.pairwise(edges)]
    grid = np.full((5, 5), math.nan)
    for i, j, setting in zip(places["weight_decay"][0], places["learning_rate"][0], found):
        if math.isfinite(setting.final):
            grid[i, j] = np.nanmin([grid[i, j], setting.final])
    rows, columns = places["weight_decay"][1], places["learning_rate"][1]
    title = f"{workload}: {name}"
    labels = {"x_label": "learning rate", "y_label": "weight decay"}
    return plot_heat(grid, rows, columns, title=title, **labels)


def _expected(page: Page, table: Table, styles: Mapping[str, Style]) -> None:
    most = max(len(found) for found in table.settings.values())
    if most < 2:
        return
    page.section(
        "Expected best after k trials",
        "What the best of k settings, drawn from those that were tried, may be expected to reach; "
        "a failed setting counts as the worst that any reached.",
    )
    figures = []
    for workload in table.workloads:
        bands = {}
        for name in table.optimizers:
            values = table.expected_best(workload, name)
            if values:
                bands[name] = Band(range(1, len(values) + 1), values)
        label = f"expected final {table.goals[workload].metric}"
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="trials",
                y_label=label,
                log_y=True,
                marks=True,
            )
        )
    page.figures(figures)


# ---------------------------------------------------------------------------------- the small print


def _failures(page: Page, rows: Sequence[Row]) -> None:
    failed = [row for row in rows if row["status"] != DONE]
    if not failed:
        return
    page.section("Trials that diverged or raised", f"{len(failed)} of {len(rows)}.")
    words = [
        [
            f"{row['workload']}, {row['optimizer']}",
            ", ".join(f"{k} {_short(v)}" for k, v in row["settings"].items()),
            str(row["seed"]),
            row["status"],
            row["reason"],
        ]
        for row in failed[:60]
    ]
    page.table(["trial", "settings", "seed", "what", "why"], words, left=(1, 3, 4))
    if len(failed) > 60:
        page.paragraph(f"and {len(failed) - 60} more: see rows.csv")


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
            f"{m['devices']} devices, {m['cpu_cores']} cores",
            ", ".join(f"{k} {v}" for k, v in m["versions"].items()),
            str(m["git"]),
        ]
        for m in machines
    ]
    page.table(["machine", "device", "size", "versions", "revision"], table, left=(1, 2, 3, 4))
    hashes = [
        [w.label, w.identity["workload_hash"], w.identity["problem_hash"], _size(rows, w.label)]
        for w in workloads
    ]
    page.table(["workload", "hash", "hash without target", "size"], hashes, left=(1, 2, 3))
    plans = [[plan["workload"], plan["why"]] for plan in results.plans().values()]
    if plans:
        page.paragraph("How trials were put together, by a timed probe:")
        page.table(["workload", "why"], plans, left=(1,))
    page.paragraph("Config: " + json.dumps(view.to_dict(), sort_keys=True))


def _size(rows: Sequence[Row], label: str) -> str:
    sizes = {row.get("parameters") for row in rows if row["workload"] == label} - {None}
    return f"{format_count(max(sizes))} parameters" if sizes else ABSENT


def flat_rows(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of all trials for a spreadsheet: final values, no curves."""
    plain = ("workload", "optimizer", "number", "seed", "status", "reason", "machine")
    metrics = list(dict.fromkeys(name for row in rows for name in row.get("values", {})))
    header = [*plain, "settings", *metrics, "train_seconds", "state"]
    body = []
    for row in rows:
        finals = [(row.get("values", {}).get(name) or [None])[-1] for name in metrics]
        seconds = (row.get("train_seconds") or [None])[-1]
        state = format_bytes(row["state_bytes"]) if row.get("state_bytes") is not None else ""
        cells = [*(row.get(key, "") for key in plain), json.dumps(row["settings"]), *finals]
        body.append(["" if c is None else str(c) for c in (*cells, seconds, state)])
    return header, body


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
