"""A sub-network for a budget: measured pairs, a predictor of accuracy, evolution, an export.

    effjax compress --workdir=runs/once_for_all_digits --budget=macs:0.3x

Some sub-networks are measured; a Gaussian process on their codes predicts the accuracy of all
others; evolution looks for the best prediction within the budget; the best few are measured. The
pairs stay in the run's folder, so that a further budget costs seconds. Once-for-All, section 3.3,
with its predictor of three layers replaced by one that says how it ranks held-out pairs.

Shapes: n pairs.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from effjax.compress.elastic.costs import ElasticCosts
from effjax.compress.elastic.measure import Trained, drawn_points, open_trained
from effjax.costs import Budget, PartsTable
from effjax.report import Display
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.search.costing import check_feasible
from effjax.search.found import PICTURE, Found, make_found, write
from effjax.search.objectives import ByFunction
from effjax.search.points import Point
from effjax.search.problem import Problem
from effjax.search.registry import Chosen
from effjax.search.regression import Process, best_process
from effjax.search.verb import run

PAIRS = "pairs"  # the folder of what was measured, inside of the run's
TOP1 = "top1"
CANDIDATES = 8  # of the best predictions that are measured
# networks that evolution looks at; latency and memory take a trace of each
LOOKS = {"params": 2000, "macs": 2000, "latency": 200, "memory": 200}
HELD_OUT = 4  # every fourth pair says how well the others predict


@dataclasses.dataclass(frozen=True)
class Predictor:
    """Accuracies of sub-networks, from those of some.

    Attributes:
      process: on one-hot codes.
      mean, deviation: of the accuracies that are known.
      rank: Spearman's correlation on pairs that were held out; None: too few to tell.
    """

    process: Process
    mean: float
    deviation: float
    rank: float | None

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Accuracies [n] at the codes [n, D]."""
        return self.mean + self.deviation * self.process.predict(codes)[0]


def fit_predictor(
    codes: np.ndarray,
    values: np.ndarray,
) -> Predictor:
    """The predictor of values [n] at codes [n, D]."""
    held_out = np.arange(len(values)) % HELD_OUT == 0
    rank = None
    if held_out.sum() >= HELD_OUT:
        partial = _fit(codes[~held_out], values[~held_out])
        rank = _spearman(partial(codes[held_out]), values[held_out])
    whole = _fit(codes, values)
    return dataclasses.replace(whole, rank=rank)


def _fit(
    codes: np.ndarray,
    values: np.ndarray,
) -> Predictor:
    mean = float(values.mean())
    deviation = max(float(values.std()), 1e-12)
    process = best_process(codes, (values - mean) / deviation)
    return Predictor(process, mean, deviation, None)


def _spearman(
    one: np.ndarray,
    other: np.ndarray,
) -> float | None:
    """The correlation of ranks, ties sharing theirs; None where all are equal."""
    from scipy.stats import rankdata

    a = rankdata(one)
    b = rankdata(other)
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def measured_pairs(
    trained: Trained,
    workdir: Path,
    display: Display,
) -> Problem:
    """The sub-networks that were measured, as the history of a problem; measured now if need be."""
    task = trained.task
    split = trained.split(task.options.search_split)
    points = drawn_points(trained, task.options.pairs)
    space = task.supernet.space

    def accuracy(point: Point) -> float:
        return trained.accuracy(point, split)

    # of these weights: a run may be extended
    folder = workdir / PAIRS / f"step{trained.step}"
    folder.mkdir(parents=True, exist_ok=True)
    problem = Problem(
        space,
        ByFunction(accuracy, TOP1),
        len(points),
        costs=ElasticCosts(task.supernet, task.model.num_classes),
        seed=task.config.seed,
        workdir=folder,
    )
    for number, point in enumerate(points):
        problem.evaluate(point)
        if number % 16 == 15:
            display.line(f"{number + 1} of {len(points)} sub-networks measured")
    return problem


def costs_of(
    trained: Trained,
    out: Path,
) -> ElasticCosts:
    """What sub-networks cost; measured latencies stay in `out`."""
    task = trained.task
    table = PartsTable(out / "latency.json", task.config.data.batch_size)
    return ElasticCosts(task.supernet, task.model.num_classes, table)


def search(
    trained: Trained,
    pairs: Problem,
    budget: Budget,
    costs: ElasticCosts,
) -> tuple[Found, Problem]:
    """The best sub-network within a budget."""
    task = trained.task
    space = task.supernet.space
    codes = np.stack([space.encode(entry.point) for entry in pairs.history])
    values = np.asarray([entry.value for entry in pairs.history])
    predictor = fit_predictor(codes, values)

    def predicted(point: Point) -> float:
        return float(predictor(space.encode(point)[None])[0])

    looks = min(LOOKS[budget.unit], space.size)
    settings: dict[str, Any] = {"budgets": (budget,), "costs": costs, "seed": task.config.seed}
    looked = Problem(space, ByFunction(predicted, TOP1), looks, **settings)
    run("evolution", looked, population=100)
    best = sorted(looked.history, key=lambda entry: -entry.value)
    # what was measured and is within the budget is a candidate too
    known = [entry for entry in pairs.history if looked.allows(entry.point)]
    known.sort(key=lambda entry: -entry.value)
    points = dict.fromkeys(entry.point for entry in [*best[:CANDIDATES], *known[:CANDIDATES]])
    split = trained.split(task.options.search_split)
    measured = {entry.point: entry.value for entry in pairs.history}

    def accuracy(point: Point) -> float:
        return measured[point] if point in measured else trained.accuracy(point, split)

    final = Problem(space, ByFunction(accuracy, TOP1), len(points), **settings)
    final.evaluate_all(list(points))
    notes = {"looked_at": len(looked.history), "pairs": len(pairs.history)}
    if predictor.rank is not None:
        notes["spearman_of_held_out_pairs"] = round(predictor.rank, 4)
    chosen = max(final.history, key=lambda entry: (entry.value, predicted(entry.point)))
    return make_found("elastic", final, Chosen(chosen.point, notes=notes)), final


def specialise(
    workdir: Path,
    amount: Budget,
    out: Path,
    display: Display,
) -> Found:
    """Writes the best sub-network within a budget into a folder of its own.

    Args:
      workdir: of an elastic network's run.
      out: the folder: architecture.json, weights.safetensors, search.json, search.png.

    Raises:
      UserError: no such run, or a budget that cannot be met.
    """
    trained = open_trained(workdir, display)
    found = cut_out(trained, workdir, amount, out, display)
    _show(found, trained, display)
    display.line(f"architecture: {out / FOUND_ARCHITECTURE}, picture: {out / PICTURE}")
    size = trained.task.supernet.space.resolution(found.point)
    sized = "" if size is None else f" --config.data.image_size={size}"
    display.line(
        f"train it further: effjax train --config=F --config.model.arch={out / FOUND_ARCHITECTURE} "
        f"--config.init_from={out / FOUND_WEIGHTS}{sized}"
    )
    return found


def cut_out(
    trained: Trained,
    workdir: Path,
    amount: Budget,
    out: Path,
    display: Display,
) -> Found:
    """Writes the best sub-network of a trained elastic network, see `specialise`.

    Returns:
      What was found, with the weights of the sub-network.
    """
    costs = costs_of(trained, out)
    budget = amount.relative_to(costs.of_base(amount.unit) if amount.is_share else 0.0)
    # before anything is measured
    check_feasible(trained.task.supernet.space, (budget,), costs.of)
    pairs = measured_pairs(trained, workdir, display)
    out.mkdir(parents=True, exist_ok=True)
    found, problem = search(trained, pairs, budget, costs)
    _, variables = trained.export(found.point)
    found = dataclasses.replace(found, variables=variables)
    write(found, problem, out)
    return found


def _show(
    found: Found,
    trained: Trained,
    display: Display,
) -> None:
    net = trained.task.supernet
    space = net.space
    costs = ElasticCosts(net, trained.task.model.num_classes)
    idle = space.is_idle(found.point)
    rows = []
    for (path, option), unused in zip(found.options.items(), idle):
        rows.append((path, "-" if unused else str(option)))
    for unit, cost in found.costs.items():
        whole = costs.of(space.largest, unit) if unit in ("params", "macs") else None
        shown = f"{cost:,.6g}" if unit == "latency" else f"{cost:,}"
        rows.append((unit, shown if whole is None else f"{shown} ({100 * cost / whole:.0f} %)"))
    rows.append((f"{TOP1} of the search's images", f"{found.value:.4f}"))
    held_out = trained.accuracy(found.point, trained.split(None))
    rows.append((f"{TOP1} of {trained.task.config.data.val_split}", f"{held_out:.4f}"))
    rank = found.notes.get("spearman_of_held_out_pairs")
    rows.append(("rank correlation of the predictor", "-" if rank is None else f"{rank:.2f}"))
    display.table("found", rows, ("choice", "option"), right=(1,))
