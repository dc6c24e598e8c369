"""The tables of a benchmark's report: (header, rows) of text, made from scores."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from effjax import optim
from effjax.bench.rows import DONE, Row, finite_or_nan
from effjax.bench.scoring import Scores, claim_verdict, workload_verdict
from effjax.bench.settings import Setting
from effjax.config import View
from effjax.report import format_bytes, format_count
from effjax.report.profiles import MISSED, rank
from effjax.report.statistics import Interval, pooled_deviation
from effjax.trials.paired import ABSENT, Cells, describe_difference

EDGE = " (edge)"
FLOAT_BYTES = 4


def score_table(scores: Scores) -> Cells:
    """One optimizer a row, the best score first."""
    integrals = scores.scores()
    ranges = scores.rank_ranges()
    times = scores.times()
    order = rank(integrals) if integrals else scores.optimizers
    header = ["optimizer", "score", "rank", f"steps, {scores.reference} / own", "verdict", "p"]
    header += ["targets", "failed", "near best"]
    body = []
    for name in order:
        reached = sum(math.isfinite(time) for time in times[name].values())
        failed, trials = scores.divergence(name)
        # without any target there is no score, and the order is the config's
        score = f"{integrals[name]:.3f}" if integrals else ABSENT
        body.append(
            [
                name,
                score,
                _rank_range(*ranges.get(name, (0, 0))),
                *_against_reference(scores, name),
                f"{reached}/{len(times[name])}",
                f"{failed}/{trials}",
                f"{scores.near_best(name):.0%}",
            ]
        )
    return header, body


def _rank_range(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best}-{worst}"


def _against_reference(scores: Scores, name: str) -> list[str]:
    """The speed-up, its verdict and its p-value."""
    if name == scores.reference:
        return ["1", "reference", ABSENT]
    comparison = scores.compare(name)
    p = f"{comparison.p:.2g}" if comparison.pairs else ABSENT
    return [describe_ratio(comparison.ratio), comparison.verdict, p]


def describe_ratio(interval: Interval) -> str:
    """1.32 (1.1 to 1.6), or 1.32 (one pair)."""
    if not math.isfinite(interval.estimate):  # no pairs
        return ABSENT
    if math.isinf(interval.high):
        return f"{interval.estimate:.2f} (one pair)"
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def claims_table(view: View, scores: Scores) -> Cells:
    """What the authors say, one claim a row, and what was measured, on all and on each workload."""
    aimed = scores.aimed()
    header = ["optimizer", "claim", "measured", "against the reference", "answer", *aimed]
    body = []
    for name, factor in view.claims:
        comparison = scores.compare(name)
        row = [
            name,
            f"{factor:g} times fewer steps",
            describe_ratio(comparison.ratio),
            comparison.verdict,
            claim_verdict(comparison, factor),
        ]
        for workload in aimed:
            alone = scores.compare(name, [workload])
            row.append(f"{describe_ratio(alone.student)}: {workload_verdict(alone, factor)}")
        body.append(row)
    return header, body


def times_table(scores: Scores, clock: str) -> Cells:
    """The median time to target of each optimizer's best trials."""
    times = scores.times(clock)
    aimed = scores.aimed()
    body = []
    for name in scores.optimizers:
        row = [name]
        for workload in aimed:
            row.append(format_time(times[name][workload], clock))
        body.append(row)
    return ["optimizer", *aimed], body


def format_time(time: float, clock: str) -> str:
    """A time to target in its unit; "miss" if there is none."""
    if time == MISSED:
        return "miss"
    return f"{time:.3g}" if clock.startswith("seconds") else f"{time:.0f}"


def finals_table(scores: Scores) -> Cells:
    """What the best setting of each optimizer reached at the end, and what it is."""
    header = ["workload", "optimizer", "final", "deviation over seeds", "seeds"]
    header += [f"minus {scores.reference}", "best setting"]
    body = []
    for workload in scores.workloads:
        paired = scores.finals(workload)
        for name in paired.variants:
            setting = scores.best(workload, name)
            finite = setting.finite_finals()
            sigma, _ = pooled_deviation([finite])
            # the reference minus itself would be a row of zeros
            difference = None if name == paired.base else paired.difference(name)
            body.append(
                [
                    workload,
                    name,
                    _final(scores.final_interval(setting)),
                    f"{sigma:.2g}" if math.isfinite(sigma) else ABSENT,
                    f"{len(finite)}/{len(setting.rows)}",
                    describe_difference(difference),
                    describe_best(setting, scores.of(workload, name)),
                ]
            )
    return header, body


def final_errors_table(scores: Scores, workload: str) -> Cells:
    """What each optimizer's best setting reached on one workload, compared seed by seed."""
    paired = scores.finals(workload)
    header, body = paired.cells()
    for row, name in zip(body, paired.variants):
        row.append(describe_best(scores.best(workload, name), scores.of(workload, name)))
    return ["optimizer", *header[1:], "best setting"], body


def _final(interval: Interval) -> str:
    if not math.isfinite(interval.estimate):
        return "failed"
    if math.isinf(interval.high):
        return f"{interval.estimate:.4g} (one seed)"
    return f"{interval.estimate:.4g} ({interval.low:.4g} to {interval.high:.4g})"


def describe_best(best: Setting, tried: Sequence[Setting]) -> str:
    """What was tuned, and whether the value chosen is the lowest or highest that was tried."""
    words = []
    for key, value in best.settings.items():
        values = {setting.settings.get(key) for setting in tried}
        if len(values) == 1:  # not tuned
            continue
        # a key that some settings do not have has no lowest value
        is_comparable = None not in values
        is_edge = is_comparable and value in (min(values), max(values))
        words.append(f"{key} {_short(value)}{EDGE if is_edge else ''}")
    if not words:  # nothing was tuned
        words = [f"{key} {_short(value)}" for key, value in best.settings.items()]
    return ", ".join(words)


def costs_table(scores: Scores) -> Cells:
    """What an update costs by itself on the largest workload, and a step of each workload."""
    header = ["optimizer", "from", "state", "moves", "update, ms", "memory of a trial"]
    header += [f"{workload}, ms a step" for workload in scores.workloads]
    body = []
    for name in scores.optimizers:
        rows = scores.rows(name)
        row = _largest(rows)
        state = None
        if row:
            state = row["state_bytes"] / (FLOAT_BYTES * row["parameters"])
        memory = row.get("memory_bytes")
        cells = [
            name,
            optim.optimizer_info(rows[0]["name"]).source,
            _number(state, ".1f"),
            _number(row.get("update_moves"), ".0f"),
            _number(row.get("update_ms"), ".2g"),
            ABSENT if memory is None else format_bytes(memory),
        ]
        for workload in scores.workloads:
            own = [row for row in rows if row["workload"] == workload]
            cells.append(_number(_step_ms(own), ".3g"))
        body.append(cells)
    return header, body


def _largest(rows: Sequence[Row]) -> Mapping[str, Any]:
    """The row of the largest network whose update was measured; {} if none was."""
    # recipes and failed trials measure none
    measured = [row for row in rows if row.get("parameters")]
    return max(measured, key=lambda row: row["parameters"], default={})


def _step_ms(rows: Sequence[Row]) -> float | None:
    """Median over trials, evaluation and compilation not counted."""
    found = []
    for row in rows:
        if row.get("train_seconds"):
            seconds = finite_or_nan(row["train_seconds"][-1])
            found.append(1e3 * seconds / row["steps"][-1])
    timed = [milliseconds for milliseconds in found if math.isfinite(milliseconds)]
    return statistics.median(timed) if timed else None


def _number(value: float | None, form: str) -> str:
    return ABSENT if value is None else format(value, form)


def failures_table(rows: Sequence[Row]) -> Cells:
    """Settings of which a seed diverged or raised, and why."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        if row["status"] == DONE:
            continue
        settings = ", ".join(f"{key} {_short(value)}" for key, value in row["settings"].items())
        trial = f"{row['workload']}, {row['optimizer']}"
        # one line for all seeds that failed in the same way
        group = trial, settings, row["status"], row["reason"]
        groups.setdefault(group, []).append(row["seed"])
    body = []
    for (trial, settings, status, reason), seeds in groups.items():
        body.append([trial, settings, ", ".join(map(str, sorted(seeds))), status, reason])
    return ["trial", "settings", "seeds", "what", "why"], body


def repeats_table(repeats: Sequence[Mapping[str, Any]]) -> Cells:
    """Trials that were trained twice, and how far their curves are apart."""
    body = []
    for entry in repeats:
        difference = entry["difference"]
        body.append(
            [
                f"{entry['workload']}, {entry['optimizer']}",
                str(entry["seed"]),
                "this" if entry["same_machine"] else "another",
                "diverged" if difference is None else f"{difference:.1g}",
            ]
        )
    return ["trial", "seed", "machine of the first", "largest difference"], body


def describe_size(rows: Sequence[Row], label: str) -> str:
    """How many parameters a workload has."""
    sizes = [row["parameters"] for row in rows if row["workload"] == label and "parameters" in row]
    return f"{format_count(max(sizes))} parameters" if sizes else ABSENT


def flat_rows(rows: Sequence[Row]) -> Cells:
    """All trials for a spreadsheet: final values, no curves."""
    plain = ("workload", "optimizer", "number", "seed", "status", "reason", "machine")
    # a dict keeps the order in which metrics are first seen; a set would not
    metrics: dict[str, None] = {}
    for row in rows:
        metrics |= dict.fromkeys(row.get("values", {}))
    header = [*plain, "settings", *metrics, "train_seconds", "state"]
    body = []
    for row in rows:
        cells = [row.get(key, "") for key in plain]
        cells.append(json.dumps(row["settings"]))
        cells += [_last(row.get("values", {}).get(name)) for name in metrics]
        cells.append(_last(row.get("train_seconds")))
        state = row.get("state_bytes")
        cells.append("" if state is None else format_bytes(state))
        body.append(["" if cell is None else str(cell) for cell in cells])
    return header, body


def _last(values: Sequence[Any] | None) -> Any:
    return values[-1] if values else None


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
