"""`effjax compress --config=F --budget=B,... --compare` with the config of an elastic network.

Is a sub-network, as it is cut out, as good as the same network trained alone? Arms, of each budget
and seed:

    cut out   the best sub-network of an elastic network, with its shared weights and no more
    alone     the same architecture from fresh weights, for as many updates and by the same recipe,
              with the labels alone

Finished trainings and cuts are kept, so that the same command continues.
"""

import copy
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import ml_collections

from effjax.compress.cut_table import METRIC, WHOLE, Row, draw, report, write
from effjax.compress.elastic.costs import ElasticCosts
from effjax.compress.elastic.measure import Trained, open_trained
from effjax.compress.elastic.options import ElasticConfig
from effjax.compress.elastic.run import check_is_elastic
from effjax.compress.elastic.specialise import cut_out
from effjax.compress.narrow import all_costs
from effjax.config import read_json
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.search.costing import check_feasible
from effjax.search.options import read_budget
from effjax.search.points import Point
from effjax.tasks.options import ClassificationConfig
from effjax.tasks.run import build
from effjax.trials.outcome import read_result
from effjax.trials.paired import Result
from effjax.trials.runners import run_here
from effjax.trials.trial import RunTrial

SUPERNET = "supernet"
CUT_OUT, ALONE = "cut out", "alone"
RECORD = "cut_out.json"


class CutOut(TypedDict):
    """What cut_out.json holds.

    Attributes:
      top1: of the images that no choice was made by.
      resolution: the side of the images; None: that of the config.
      costs: {"params", "macs", "latency": (supernet, sub-network)}.
    """

    top1: float
    resolution: int | None
    costs: dict


# -------------------------------------------------------------------------------- the trainings


def of_supernet(
    config: ml_collections.ConfigDict,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config that trains the elastic network of a seed."""
    own = copy.deepcopy(config)
    own.seed = seed
    return own


def of_alone(
    config: ml_collections.ConfigDict,
    cut: Path,
    resolution: int | None,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config that trains a sub-network alone: the same run without what is elastic.

    Args:
      config: of the elastic network.
      cut: the folder with the architecture.
      resolution: the side of the images; None: that of the config.
    """
    own = of_supernet(config, seed)
    with own.unlocked():  # a config from the command line is locked
        of_elastic = _keys(ElasticConfig) - _keys(ClassificationConfig)
        for key in of_elastic.intersection(own.task):
            del own.task[key]
        # of an elastic network these are the resolutions that it may have
        own.task.update(name="classification", image_sizes=(), size_order="rise")
    own.model.arch = str(cut / FOUND_ARCHITECTURE)
    if resolution is not None:
        own.data.image_size = resolution
    return own


def _keys(options: type) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


# ----------------------------------------------------------------------------- the sub-networks


def cut_once(
    workdir: Path,
    out: Path,
    budget: Budget,
    display: Display,
) -> CutOut:
    """Cuts a sub-network out and measures it; what is cut already is read.

    Args:
      workdir: the run of the elastic network.
      out: the folder of the sub-network.
    """
    if (out / RECORD).exists():
        return read_json(out / RECORD, CutOut, "remove the folder and cut again")
    trained = open_trained(workdir, display)
    found = cut_out(trained, workdir, budget, out, display)
    space = trained.task.supernet.space
    record: CutOut = {
        "top1": trained.accuracy(found.point, trained.split(None)),
        "resolution": space.resolution(found.point),
        "costs": _costs(trained, found.point),
    }
    write_atomically(out / RECORD, json.dumps(record, indent=1) + "\n")
    return record


def _costs(
    trained: Trained,
    point: Point,
) -> dict[str, tuple[float, float]]:
    """What the whole network and a sub-network cost, each at its own resolution."""
    net = trained.task.supernet
    shapes = []
    for own in (net.space.largest, point):
        side = net.space.resolution(own)
        shapes.append(net.image_shape if side is None else (side, side, net.image_shape[-1]))
    whole = trained.export(net.space.largest)
    return all_costs(whole, trained.export(point), *shapes)


# ------------------------------------------------------------------------------- the comparison


def check_budgets(
    config: ml_collections.ConfigDict,
    budgets: Sequence[str],
) -> None:
    """Refuses budgets that no sub-network meets, before anything is trained.

    Milliseconds are measured when there is a network to measure.

    Raises:
      UserError: with the range that can be met.
    """
    task = build(config.copy_and_resolve_references()).task
    costs = ElasticCosts(task.supernet, task.model.num_classes)
    for text in budgets:
        budget = read_budget(text)
        if budget.unit == "latency":
            continue
        if budget.is_share:
            budget = budget.relative_to(costs.of_base(budget.unit))
        check_feasible(task.supernet.space, (budget,), costs.of)


def compare_children(
    config: ml_collections.ConfigDict,
    folder: Path,
    budgets: Sequence[str],
    seeds: int,
    display: Display,
) -> list[Row]:
    """Trains elastic networks, cuts each to each budget, trains the same alone, shows the table.

    Args:
      config: of an elastic network.
      folder: for all runs, compare.json, compare.png and runs.csv.
      budgets: such as "macs:0.5x".
      seeds: how many, from the config's own on.

    Returns:
      A row for each training and each sub-network.

    Raises:
      UserError: a config of another task, or a budget that cannot be met.
    """
    check_is_elastic(config)
    check_budgets(config, budgets)
    rows: list[Row] = []
    for seed in range(config.seed, config.seed + seeds):
        rows.extend(_rows_of(config, folder, budgets, seed, display))
        write(rows, folder)
    draw(rows, budgets, (CUT_OUT, ALONE), folder)
    report(rows, budgets, folder, display, base=ALONE)
    return rows


def _rows_of(
    config: ml_collections.ConfigDict,
    folder: Path,
    budgets: Sequence[str],
    seed: int,
    display: Display,
) -> list[Row]:
    """The elastic network of a seed, and both arms of each budget."""
    workdir = folder / f"{SUPERNET}-s{seed}"
    large = _train(SUPERNET, of_supernet(config, seed), workdir, display)
    if large.value is None:
        raise UserError(f"the elastic network in {workdir} is of no use: {large.reason}")
    # all cuts first: a training throws away the programs that they have in common
    cuts = {}
    for budget in budgets:
        cut = folder / f"cut-{_in_a_path(budget)}-s{seed}"
        cuts[budget] = cut, cut_once(workdir, cut, read_budget(budget), display)
    whole = {unit: pair[0] for unit, pair in cuts[budgets[0]][1]["costs"].items()}
    rows = [Row(SUPERNET, WHOLE, seed, large.value, "", whole)]
    for budget, (cut, record) in cuts.items():
        costs = {unit: pair[1] for unit, pair in record["costs"].items()}
        rows.append(Row(CUT_OUT, budget, seed, record["top1"], "", costs))
        own = of_alone(config, cut, record["resolution"], seed)
        alone = _train(ALONE, own, folder / f"{ALONE}-{_in_a_path(budget)}-s{seed}", display)
        rows.append(Row(ALONE, budget, seed, alone.value, alone.reason, costs))
    return rows


def _train(
    arm: str,
    config: ml_collections.ConfigDict,
    workdir: Path,
    display: Display,
) -> Result:
    """What a training reaches; a finished one is read."""
    trial = RunTrial(variant=arm, seed=config.seed, config=config, workdir=workdir)
    run_here([trial], 1, display)
    return read_result(trial, METRIC)


def _in_a_path(budget: str) -> str:
    return budget.replace(":", "-").replace(" ", "")
