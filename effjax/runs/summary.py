"""What is left to say when a run is over."""

import math
from pathlib import Path
from typing import Any

import jax

from effjax.report import format_seconds


def is_loss(metric: str | None) -> bool:
    """Whether less is better."""
    return (metric or "").endswith("loss")


def summarise(
    rows: list[dict[str, Any]], params: Any, steps: int, images: int, seconds: float
) -> dict[str, Any]:
    """Final and best metrics, time, images, parameters: what summary.json holds."""
    final: dict[str, float] = {}
    best: dict[str, dict[str, float]] = {}
    for row in rows:
        for name, value in row.items():
            if name == "step" or value is None:
                continue
            final[name] = value
            if name.startswith(("train/", "optim/", "perf/", "search/")):
                continue
            old = best.get(name, {"value": math.inf if is_loss(name) else -math.inf})["value"]
            if value < old if is_loss(name) else value > old:
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
    """Rows of the table that closes a run."""
    held_out = {k: v for k, v in summary["final"].items() if k in summary["best"]}
    rows = [
        (name, f"{value:.4f}   (best {summary['best'][name]['value']:.4f})")
        for name, value in held_out.items()
    ]
    rows.append(("parameters", f"{summary['parameters']:,}"))
    if "macs" in summary:
        rows.append(("multiply-adds an image", f"{summary['macs']:,}"))
    rows.append(("time", format_seconds(summary["wall_seconds"])))
    for name in ("summary.json", "metrics.jsonl", "curves.png", "checkpoints"):
        if (workdir / name).exists():
            rows.append((name.partition(".")[0], str(workdir / name)))
    return rows
