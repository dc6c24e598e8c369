"""summary.json: what a finished run says of itself."""

import math
from pathlib import Path
from typing import Any

import jax

from effjax.report import format_seconds
from effjax.report.metric_names import is_better, is_held_out
from effjax.report.metric_names import less_is_better as is_loss

__all__ = ["is_loss", "summarise", "summary_table"]


def summarise(
    rows: list[dict[str, Any]], params: Any, steps: int, images: int, seconds: float
) -> dict[str, Any]:
    """What summary.json holds.

    Args:
      rows: of metrics.jsonl; null stands for a number that was not finite.
      params: the learned parameters.
      steps: updates made.
      images: images seen.
      seconds: wall time, of all sittings that led here.

    Returns:
      "final": {metric: its last value, None if that was not finite}; "best": {held-out metric:
      {"value", "step"} of its best finite value}; and the four figures.
    """
    final: dict[str, float | None] = {}
    best: dict[str, dict[str, float]] = {}
    for row in rows:
        # rows differ in what they hold: training metrics, evaluations, or both
        for name, value in row.items():
            # of layers there are too many for a summary
            if name == "step" or name.startswith("layers/"):
                continue
            final[name] = value
            old = best.get(name, {}).get("value", math.nan)
            # a value that is not finite is never the best
            if is_held_out(name) and is_better(name, value, than=old):
                best[name] = {"value": value, "step": row["step"]}
    return {
        "step": steps,
        "final": final,
        "best": best,
        "images": images,
        "wall_seconds": round(seconds, 2),
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
    }


def summary_table(summary: dict[str, Any], workdir: Path) -> list[tuple[str, str]]:
    """Rows (name, text) of the table that closes a run."""
    rows = []
    for name, best in summary["best"].items():
        last = summary["final"][name]
        shown = "not finite" if last is None else f"{last:.4f}"
        rows.append((name, f"{shown}   (best {best['value']:.4f})"))
    rows.append(("parameters", f"{summary['parameters']:,}"))
    if "learned_parameters" in summary:
        rows.append(("of them learned", f"{summary['learned_parameters']:,}"))
    if "macs" in summary:
        rows.append(("multiply-adds an image", f"{summary['macs']:,}"))
    rows.append(("time", format_seconds(summary["wall_seconds"])))
    for name in ("summary.json", "metrics.jsonl", "curves.png", "checkpoints"):
        if (workdir / name).exists():
            rows.append((name.partition(".")[0], str(workdir / name)))
    return rows
