"""The tables of a benchmark's report: (header, rows) of text, made from scores."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from effjax import optim
from effjax.bench.results import DONE, Row
from effjax.bench.scoring import Setting, Table, claim_verdict
from effjax.config import View
from effjax.report import format_bytes, format_count
from effjax.report.profiles import MISSED, rank
from effjax.report.statistics import Interval, pooled_deviation

ABSENT = "-"
EDGE = " (edge)"
Cells = tuple[list[str], list[list[str]]]


def score_table(table: Table) -> Cells:
    """One optimizer a row, the best score first."""
    scores, ranges = table.scores(), table.rank_ranges()
    order = rank(scores) if scores else table.optimizers
    header = ["optimizer", "score", "rank", f"steps, {table.reference} / own", "verdict", "p"]
    header += ["targets", "failed", "near best"]
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
            ]
        )
    return header, body


def in_words(interval: Interval) -> str:
    """1.32 (1.1 to 1.6)."""
    if not math.isfinite(interval.estimate):
        return ABSENT
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def claims_table(view: View, table: Table) -> Cells:
    """What the authors say, one claim a row, and what was measured, on all and on each workload."""
    aimed = [w for w in table.workloads if table.goals[w].target is not None]
    body = []
    for name, factor in view.claims:
        found = table.compare(name)
        words = in_words(found.ratio), found.verdict, claim_verdict(found, factor)
        alone = [in_words(table.compare(name, [workload]).ratio) for workload in aimed]
        body.append([name, f"{factor:g} times fewer steps", *words, *alone])
    return ["optimizer", "claim", "measured", "against the reference", "answer", *aimed], body


def times_table(table: Table, clock: str) -> Cells:
    """The median time to target of each optimizer's best trials."""
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


def finals_table(table: Table) -> Cells:
    """What the best setting of each optimizer reached at the end, and what it is."""
    body = []
    for workload in table.workloads:
        for name in table.optimizers:
            setting = table.best(workload, name)
            if setting is not None:
                finals = [v for v in setting.finals() if math.isfinite(v)]
                sigma, _ = pooled_deviation([finals])
                deviation = f"{sigma:.2g}" if math.isfinite(sigma) else ABSENT
                final = _final(table.final_interval(setting))
                chosen = _chosen(setting, table.of(workload, name))
                body.append([workload, name, final, deviation, chosen])
    return ["workload", "optimizer", "final", "deviation over seeds", "best setting"], body


def _final(interval: Interval) -> str:
    if not math.isfinite(interval.estimate):
        return "failed"
    return f"{interval.estimate:.4g} ({interval.low:.4g} to {interval.high:.4g})"


def _chosen(best: Setting, tried: Sequence[Setting]) -> str:
    """What was tuned, and whether the value chosen is the lowest or highest that was tried."""
    words = []
    for key, value in best.settings.items():
        values = {s.settings.get(key) for s in tried}
        if len(values) > 1:
            edge = None not in values and value in (min(values), max(values))
            words.append(f"{key} {_short(value)}{EDGE if edge else ''}")
    return ", ".join(words) or ", ".join(f"{k} {_short(v)}" for k, v in best.settings.items())


def costs_table(table: Table) -> Cells:
    """What an update costs by itself on the largest workload, and a step of each workload."""
    header = ["optimizer", "from", "state", "moves", "update, ms", "memory of a trial"]
    header += [f"{w}, ms a step" for w in table.workloads]
    body = []
    for name in table.optimizers:
        rows = table.rows(name)
        measured = [r for r in rows if r.get("parameters")]
        row: Mapping[str, Any] = max(measured, key=lambda r: r["parameters"], default={})
        state = row["state_bytes"] / (4 * row["parameters"]) if row else None
        steps = [_step_ms([r for r in rows if r["workload"] == w]) for w in table.workloads]
        memory = row.get("memory_bytes")
        body.append(
            [
                name,
                optim.optimizer_info(rows[0]["name"]).source,
                _number(state, ".1f"),
                _number(row.get("update_moves"), ".0f"),
                _number(row.get("update_ms"), ".2g"),
                ABSENT if memory is None else format_bytes(memory),
                *(_number(ms, ".3g") for ms in steps),
            ]
        )
    return header, body


def _step_ms(rows: Sequence[Row]) -> float | None:
    """Median over trials, evaluation and compilation not counted."""
    found = [1e3 * r["train_seconds"][-1] / r["steps"][-1] for r in rows if r.get("train_seconds")]
    return statistics.median(found) if found else None


def _number(value: float | None, form: str) -> str:
    return ABSENT if value is None else format(value, form)


def failures_table(rows: Sequence[Row]) -> Cells:
    """Settings of which a seed diverged or raised, and why."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        if row["status"] != DONE:
            settings = ", ".join(f"{k} {_short(v)}" for k, v in row["settings"].items())
            trial = f"{row['workload']}, {row['optimizer']}"
            key = trial, settings, row["status"], row["reason"]
            groups.setdefault(key, []).append(row["seed"])
    body = [
        [trial, settings, ", ".join(map(str, sorted(seeds))), status, reason]
        for (trial, settings, status, reason), seeds in groups.items()
    ]
    return ["trial", "settings", "seeds", "what", "why"], body


def repeats_table(repeats: Sequence[Mapping[str, Any]]) -> Cells:
    """Trials that were trained twice, and how far their curves are apart."""
    body = [
        [
            f"{entry['workload']}, {entry['optimizer']}",
            str(entry["seed"]),
            "this" if entry["same_machine"] else "another",
            "diverged" if entry["difference"] is None else f"{entry['difference']:.1g}",
        ]
        for entry in repeats
    ]
    return ["trial", "seed", "machine of the first", "largest difference"], body


def size_of(rows: Sequence[Row], label: str) -> str:
    """How many parameters a workload has."""
    sizes = {row.get("parameters") for row in rows if row["workload"] == label} - {None}
    return f"{format_count(max(sizes))} parameters" if sizes else ABSENT


def flat_rows(rows: Sequence[Row]) -> Cells:
    """All trials for a spreadsheet: final values, no curves."""
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


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
