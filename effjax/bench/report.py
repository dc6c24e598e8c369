"""Writes what a benchmark has found: the page, tables as files, the scores in a terminal."""

from collections.abc import Sequence
from pathlib import Path

from effjax.bench.page import make_page
from effjax.bench.results import ResultsFolder, read_rows
from effjax.bench.rows import Row
from effjax.bench.scoring import Scores
from effjax.bench.settings import Goal
from effjax.bench.tables import final_errors_table, flat_rows, score_table, times_table
from effjax.bench.targets import no_rows, propose_target
from effjax.bench.tuning import planned_rows
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.report import Display, format_latex
from effjax.trials.json_files import write_csv, write_text


def write_report(
    view: View, workloads: Sequence[Workload], results: ResultsFolder, display: Display
) -> Path:
    """Writes report.html, report.md, overview.png, rows.csv, scores and times as .csv and .tex.

    Shows the scores, and for each workload without a target what was reached at the end.

    Raises:
      UserError: the disk refuses.
    """
    rows = gather_rows(view, workloads, results.rows)
    scores = Scores(rows, make_goals(workloads), view.reference)
    page = make_page(view, workloads, results, rows, scores)
    if scores.workloads:  # else there is no row that counts, and nothing to show
        _write_tables(scores, rows, results.folder)
        _show(view, workloads, scores, rows, display)
    write_text(results.folder / "report.md", page.markdown())
    path = results.folder / "report.html"
    write_text(path, page.html())
    display.line(f"report: {path}")
    return path


def make_goals(workloads: Sequence[Workload]) -> dict[str, Goal]:
    """{label: what counts on it}."""
    goals = {}
    for workload in workloads:
        config = workload.config
        goals[workload.label] = Goal(
            config.metric, config.target, config.max_steps, config.batch_size
        )
    return goals


def gather_rows(view: View, workloads: Sequence[Workload], own: Sequence[Row]) -> list[Row]:
    """The rows of the config's workloads and optimizers, and those of baselines it names."""
    chosen = {row["key"]: row for row in planned_rows(view, own)}
    for place in view.baselines:
        for row in read_rows(Path(place)):
            chosen.setdefault(row["key"], row)
    # a baseline may call the same workload something else: its hash says what it is
    labels = {workload.identity["problem_hash"]: workload.label for workload in workloads}
    rows = []
    for row in chosen.values():
        label = labels.get(row["problem_hash"])
        if label is not None:
            rows.append(row | {"workload": label})
    return rows


def _write_tables(scores: Scores, rows: Sequence[Row], folder: Path) -> None:
    tables = {
        "scores": score_table(scores),
        "times": times_table(scores, "steps"),
    }
    for name, (header, body) in tables.items():
        write_csv(folder / f"{name}.csv", [header, *body])
        write_text(folder / f"{name}.tex", format_latex(body, header))
    header, body = flat_rows(rows)
    write_csv(folder / "rows.csv", [header, *body])


def _show(
    view: View,
    workloads: Sequence[Workload],
    scores: Scores,
    rows: Sequence[Row],
    display: Display,
) -> None:
    """On the terminal: times to targets where there are targets, what was reached elsewhere."""
    if scores.aimed():
        header, body = score_table(scores)
        display.table("scores (steps)", body, header, right=range(1, len(header)))
    proposed = False
    for workload in workloads:
        has_rows = workload.label in scores.workloads
        if not has_rows or workload.config.target is not None:
            continue
        header, body = final_errors_table(scores, workload.label)
        numbers = range(1, len(header) - 2)  # the last two columns are words
        display.table(f"{workload.label}: {header[1]} at the end", body, header, right=numbers)
        target = propose_target(view, workload, rows)
        if target is None:
            display.line(f"{workload.label} has no target, and {no_rows(view)} to propose one from")
        else:
            proposed = True
            display.line(f"{workload.label} has no target; proposed: {target}")
    if proposed:
        display.line("keep the proposed targets: the same command with --make-targets=FILE.json")
