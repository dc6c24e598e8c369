"""Workloads that are configs of `effjax train`: each trial an ordinary run's folder.

For what does not fit in memory or takes hours. A run that was interrupted continues where it was.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from effjax.bench.population import Curves
from effjax.bench.tuning import Trial, digest
from effjax.config import View, load
from effjax.errors import NonFinite, UserError
from effjax.report import Display
from effjax.runs.folder import CONFIG
from effjax.runs.metrics import read_rows
from effjax.runs.schema import OptimConfig, RunConfig
from effjax.tasks.run import train

# keys of the recipe's optimizer that every optimizer keeps; further ones are hyperparameters
SHARED = {field.name for field in dataclasses.fields(OptimConfig)}


def recipe_config(workload: View) -> ml_collections.ConfigDict:
    """The recipe without an optimizer of its own, as long as the workload says."""
    config = load(workload.recipe, [], RunConfig)
    with config.unlocked():
        for key in [key for key in config if key.startswith("total_")]:
            config[key] = None
        for key in [key for key in config.schedule if key != "name"]:
            if key.startswith("warmup_") and key != "warmup_init":
                config.schedule[key] = None
            else:
                del config.schedule[key]
    config.total_steps = float(workload.max_steps)
    for name in config.evals:
        for unit in ("epochs", "examples", "percent"):
            config.evals[name][f"every_{unit}"] = None
        config.evals[name].every_steps = float(workload.eval_every)
    config.schedule.warmup_percent = workload.warmup_percent
    config.data.batch_size = workload.batch_size
    return config


def recipe_fingerprint(workload: View) -> str:
    """A hash of the recipe: its config, all but the optimizer's own hyperparameters."""
    tree = View(recipe_config(workload)).to_dict()
    tree.pop("optim")
    for section in ("log", "checkpoint", "parallel"):
        tree.pop(section)
    return digest(tree)


def trial_config(workload: View, trial: Trial) -> ml_collections.ConfigDict:
    """The recipe with a trial's optimizer, schedule and seed."""
    config = recipe_config(workload)
    section = config.optim.default
    with config.unlocked():
        for key in [key for key in section if key not in SHARED]:
            del section[key]
        section.update(name=trial.name, **trial.settings)
    config.schedule.name = trial.schedule
    config.seed = trial.seed
    if jax.default_backend() == "cpu":
        config.parallel.devices = 1  # cores that are devices of their own, see `split_cpu`
    return config


def run_recipe(workload: View, trial: Trial, folder: Path, display: Display) -> Curves:
    """Trains the recipe with a trial's optimizer, in a run's folder of its own."""
    config = trial_config(workload, trial)
    workdir = folder / trial.key(recipe_fingerprint(workload))
    try:
        train(config, workdir, display=display)
    except NonFinite:
        if not (workdir / CONFIG).exists():
            raise
    return _curves(workload, read_rows(workdir))


def _curves(workload: View, rows: list[dict[str, Any]]) -> Curves:
    """What the run's metrics say; a run that broke off ends in a value that is not finite."""
    found: dict[int, dict[str, float]] = {}
    for row in rows:
        found.setdefault(row["step"], {}).update(row)
    steps = [step for step, row in sorted(found.items()) if any(k.startswith("val/") for k in row)]
    if not steps:
        raise UserError(f"the recipe {workload.recipe} evaluated nothing as val/*")
    speed = [row["perf/step_ms"] for row in rows if row.get("perf/step_ms")]
    seconds = float(np.median(speed)) / 1e3 if speed else math.nan
    columns = {"val/loss": [], "val/error": [], "train/loss": []}
    for step in steps:
        row = found[step]
        columns["val/loss"].append(row.get("val/loss", math.nan))
        columns["val/error"].append(1.0 - row["val/top1"] if "val/top1" in row else math.nan)
        before = [r["train/loss"] for s, r in found.items() if s <= step and "train/loss" in r]
        columns["train/loss"].append(before[-1] if before else math.nan)
    if steps[-1] < workload.max_steps:
        steps.append(workload.max_steps)
        for column in columns.values():
            column.append(math.nan)
    compiled = [row["perf/compile_sec"] for row in rows if "perf/compile_sec" in row]
    return Curves(
        steps,
        {name: np.array([column]) for name, column in columns.items()},
        [seconds * step for step in steps],
        0.0,
        max(compiled, default=0.0),
        1,
    )
