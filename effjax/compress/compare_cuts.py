"""`effjax compress --budget=B,... --compare`: is a cut network better than others of its size?

Arms, of each budget and seed:

    pruned          channels compared among all layers, their weights kept, taught by the original
    uniform         the same share of each layer, the rest as above
    scratch taught  the shape of `pruned` from fresh weights, taught by the original
    scratch         the same without the teacher

All arms of a seed come from one original and are trained equally long. Finished trainings are kept,
so that the same command continues.
"""

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections

from effjax.compress.cut import BLOCKS, TASKS, cut_once
from effjax.compress.cut_table import BASE, METRIC, ORIGINAL, WHOLE, Row, draw, report, write
from effjax.compress.gates.methods import GATES
from effjax.compress.narrow import Scope
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.tasks.classification import Classification
from effjax.tasks.distillation import Distillation
from effjax.trials.outcome import read_result
from effjax.trials.runners import run_here
from effjax.trials.trial import RunTrial


@dataclasses.dataclass(frozen=True)
class Arm:
    """How a small network comes about.

    Attributes:
      scope: how the channels that stay are chosen.
      keeps: whether it starts from the original's weights.
      taught: whether it learns from the original too.
    """

    scope: Scope
    keeps: bool
    taught: bool


ARMS = {
    BASE: Arm("global", keeps=True, taught=True),
    "uniform": Arm("layer", keeps=True, taught=True),
    "scratch taught": Arm("global", keeps=False, taught=True),
    "scratch": Arm("global", keeps=False, taught=False),
}


# -------------------------------------------------------------------------------- the trainings


def of_original(
    config: ml_collections.ConfigDict,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config that trains the original: without what only a student has.

    Raises:
      UserError: a task other than classification.
    """
    if config.task.name not in TASKS:
        raise UserError(
            f"task {config.task.name!r} cannot be cut and taught\n"
            f"give a config of one of: {', '.join(TASKS)}"
        )
    own = copy.deepcopy(config)
    of_students = _keys(Distillation) - _keys(Classification)
    with own.unlocked():  # a config from the command line is locked
        for key in of_students.intersection(own.task):
            del own.task[key]
    own.task.name = "classification"
    own.seed = seed
    return own


def of_arm(
    config: ml_collections.ConfigDict,
    arm: Arm,
    original: Path,
    cut: Path,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config that trains a small network.

    Args:
      original: the run that it comes from.
      cut: the folder with its architecture and weights.
    """
    own = copy.deepcopy(config) if arm.taught else of_original(config, seed)
    own.seed = seed
    own.model.arch = str(cut / FOUND_ARCHITECTURE)
    if arm.keeps:
        own.init_from = str(cut / FOUND_WEIGHTS)
    if arm.taught:
        with own.unlocked():
            own.task.update(name="distill", teacher=str(original))
    return own


def _keys(task: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(task.Config)}


# ------------------------------------------------------------------------------- the comparison


def compare_cuts(
    config: ml_collections.ConfigDict,
    folder: Path,
    budgets: Sequence[str],
    seeds: int,
    method: str,
    display: Display,
    original: Path | None = None,
) -> list[Row]:
    """Trains originals, cuts each to each budget, trains the arms, and shows the table.

    Args:
      config: of a classification; it trains the originals and all arms.
      folder: for all runs, compare.json and compare.png.
      budgets: such as "macs:0.5x".
      seeds: how many, from the config's own on.
      method: a registered importance.
      original: a run of the config that serves as the original of its own seed.

    Raises:
      UserError: anything that cannot be done.
    """
    rows: list[Row] = []
    for seed in range(config.seed, config.seed + seeds):
        source = original if original is not None and seed == config.seed else None
        if source is None:
            source = folder / f"{ORIGINAL}-s{seed}"
        trial = _trial(ORIGINAL, seed, of_original(config, seed), source)
        run_here([trial], 1, display)
        result = read_result(trial, METRIC)
        if result.value is None:
            raise UserError(f"the original in {source} is of no use: {result.reason}")
        own = _arms_of(config, folder, budgets, seed, method, source, display)
        before = {unit: pair[0] for unit, pair in own[0][1].items()}
        rows.append(Row(ORIGINAL, WHOLE, seed, result.value, "", before))
        rows.extend(row for row, _ in own)
        write(rows, folder)
    draw(rows, budgets, list(ARMS), folder)
    report(rows, budgets, folder, display)
    return rows


def _arms_of(
    config: ml_collections.ConfigDict,
    folder: Path,
    budgets: Sequence[str],
    seed: int,
    method: str,
    original: Path,
    display: Display,
) -> list[tuple[Row, dict]]:
    """The arms of one original at all budgets, and the costs before and after."""
    rows = []
    for budget in budgets:
        for name, arm in ARMS.items():
            title = f"{budget}-{name}-s{seed}".replace(":", "-").replace(" ", "-")
            cut = folder / f"cut-{arm.scope}-{budget}-s{seed}".replace(":", "-")
            costs = cut_once(original, cut, budget, _method(method, arm), arm.scope)
            trial = _trial(name, seed, of_arm(config, arm, original, cut, seed), folder / title)
            run_here([trial], 1, display)
            result = read_result(trial, METRIC)
            after = {unit: pair[1] for unit, pair in costs.items()}
            rows.append((Row(name, budget, seed, result.value, result.reason, after), costs))
    return rows


def _method(
    method: str,
    arm: Arm,
) -> str:
    """Gates and whole blocks know no equal shares: those are taken by the squares of weights."""
    knows_shares = method not in (*GATES.entries, BLOCKS)
    return method if knows_shares or arm.scope == "global" else "l2"


def _trial(
    variant: str,
    seed: int,
    config: ml_collections.ConfigDict,
    workdir: Path,
) -> RunTrial:
    return RunTrial(variant=variant, seed=seed, config=config, workdir=workdir)
