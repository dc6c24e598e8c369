"""What a search leaves: an architecture, weights if there are any, search.json, a picture."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax import models
from effjax.costs import describe
from effjax.report.search import Dot, plot_found
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.search.evaluations import Evaluated
from effjax.search.problem import Problem
from effjax.search.registry import Chosen
from effjax.search.space import Point
from effjax.search.time_taken import NO_TIME, Seconds

SEARCH, PICTURE = "search.json", "search.png"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a strategy has found.

    Attributes:
      strategy: its name.
      point, architecture: the choice.
      value: what it reached in the search; None where it was not evaluated.
      costs: {unit: exact cost}.
      options: {path: option} of the choice.
      history: all evaluations, in order.
      front: points of which none is better in everything.
      variables: weights, if the strategy has shared ones.
      took: seconds of the search, in all sittings.
      notes: of the strategy.
    """

    strategy: str
    point: Point
    architecture: Any
    value: float | None
    costs: Mapping[str, float]
    options: Mapping[str, Any]
    history: Sequence[Evaluated] = ()
    front: Sequence[Point] = ()
    variables: Any = None
    took: Seconds = NO_TIME
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def make_found(
    strategy: str,
    problem: Problem,
    chosen: Chosen,
) -> Found:
    """What a strategy has chosen, with its costs."""
    point = problem.space.canonical(chosen.point)
    values = [evaluated for evaluated in problem.history if evaluated.point == point]
    longest = max(values, key=lambda evaluated: evaluated.share, default=None)
    is_known = longest is not None and math.isfinite(longest.value)
    counted = problem.costs is not None
    units = dict.fromkeys(["params", "macs"] if counted else [])
    units |= dict.fromkeys(budget.unit for budget in problem.budgets)
    return Found(
        strategy=strategy,
        point=point,
        architecture=problem.space.decode(point),
        value=longest.value if is_known else None,
        costs={unit: problem.cost(point, unit) for unit in units},
        options=problem.space.options(point),
        history=tuple(problem.history),
        front=tuple(chosen.front),
        variables=chosen.variables,
        took=problem.took,
        notes=dict(chosen.notes),
    )


def write(
    found: Found,
    problem: Problem,
    workdir: Path,
) -> None:
    """Writes architecture.json, weights.safetensors, search.json and search.png."""
    workdir.mkdir(parents=True, exist_ok=True)
    space = problem.space
    notes = {"point": list(found.point)}
    if space.resolution(found.point) is not None:
        notes["resolution"] = space.resolution(found.point)
    models.write_architecture(space.name, found.architecture, workdir / FOUND_ARCHITECTURE, **notes)
    for number, point in enumerate(found.front):
        path = workdir / FOUND_ARCHITECTURE.replace(".", f"-front{number}.")
        models.write_architecture(space.name, space.decode(point), path, point=list(point))
    if found.variables is not None:
        models.save_weights(problem.model(found.point), found.variables, workdir / FOUND_WEIGHTS)
    text = json.dumps(to_json(found, problem), indent=1)
    write_atomically(workdir / SEARCH, text + "\n")
    draw(found, problem, workdir)


def to_json(
    found: Found,
    problem: Problem,
) -> dict[str, Any]:
    """What search.json holds."""
    history = []
    for evaluated in found.history:
        line = dataclasses.asdict(evaluated)
        del line["number"]
        line["seconds"] = line.pop("took")["whole"]
        if not math.isfinite(evaluated.value):
            line["value"] = None
        history.append(line)
    budgets = {budget.unit: budget.limit for budget in problem.budgets}
    return {
        "strategy": found.strategy,
        "seed": problem.seed,
        "point": found.point,
        "options": found.options,
        "value": found.value,
        "costs": found.costs,
        "budgets": budgets,
        "evaluations": problem.spent,
        "seconds": round(found.took.whole, 2),
        "compile_seconds": round(found.took.compiling, 2),
        "front": [front_entry(point, problem) for point in found.front],
        "notes": found.notes,
        "space": problem.space.spec(),
        "history": history,
    }


def front_entry(
    point: Point,
    problem: Problem,
) -> dict[str, Any]:
    """A point of the front with its value and what it costs."""
    known = {evaluated.point: evaluated.value for evaluated in problem.history}
    costs = {budget.unit: problem.cost(point, budget.unit) for budget in problem.budgets}
    return {"point": point, "value": known.get(point), "costs": costs}


def draw(
    found: Found,
    problem: Problem,
    workdir: Path,
) -> None:
    """The picture: values against evaluations, and against what networks cost."""
    whole = [evaluated for evaluated in found.history if math.isfinite(evaluated.value)]
    if not whole:
        return
    unit = problem.budgets[0].unit if problem.budgets else "macs"
    points = []
    for evaluated in whole:
        cost = problem.cost(evaluated.point, unit) if found.costs else None
        points.append(Dot(evaluated.number, evaluated.value, evaluated.share, cost))
    front = [(entry["costs"], entry["value"]) for entry in _front_of(found, problem, unit)]
    limit = problem.budgets[0].limit if problem.budgets else None
    title = f"{workdir}: {found.strategy}"
    if found.costs:
        title += f", {describe(unit, problem.cost(found.point, unit))}"
    plot_found(points, front, workdir / PICTURE, unit, limit, title)


def _front_of(
    found: Found,
    problem: Problem,
    unit: str,
) -> list[dict[str, Any]]:
    known = {evaluated.point: evaluated.value for evaluated in problem.history}
    entries = []
    for point in found.front:
        if point in known:
            entries.append({"costs": problem.cost(point, unit), "value": known[point]})
    return entries
