"""A trained network cut to a budget: which channels go, and what is left in a folder.

    effjax compress --workdir=runs/quickstart --budget=macs:0.5x

Channels are ranked among all groups; so many go that the exact cost of the smaller network is
within the budget. It is an ordinary architecture with weights: it is trained further, evaluated and
exported as any other.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.compress.choose import smallest_of_all
from effjax.compress.groups import Group, kept_of
from effjax.compress.importance import IMPORTANCES
from effjax.compress.shrink import shrink
from effjax.compress.sites import Site, flat, sites_of
from effjax.costs import Budget
from effjax.costs.exact import count
from effjax.costs.latency import measure_ms
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.report import Display, format_count, format_table
from effjax.report.figures import save_figure
from effjax.report.style import COLOURS, GREY
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.tasks.trained_network import trained_network

NARROWED = "narrowed.json"
PICTURE = "narrowed.png"
LATENCY_BATCH = 8  # images of a measured call
NEEDS_GRADIENTS = ("taylor", "hessian")


@dataclasses.dataclass(frozen=True)
class Narrowed:
    """A smaller network.

    Attributes:
      model, variables: the network.
      kept: {group: the channels that stay}.
      costs: {"params", "macs", "latency": (before, after)}, latency in milliseconds.
    """

    model: ImageModel
    variables: Any
    kept: dict[str, list[int]]
    costs: dict[str, tuple[float, float]]


def cost_of(
    model: ImageModel,
    variables: Any,
    image_shape: tuple[int, int, int],
    unit: str,
) -> float:
    """Parameters, multiply-adds, or measured milliseconds of `LATENCY_BATCH` images."""
    if unit != "latency":
        return float(count(model, image_shape, unit))
    images = jnp.zeros((LATENCY_BATCH, *image_shape))
    return measure_ms(lambda v, x: model.apply(v, x, train=False), (variables, images))


def narrow(
    model: ImageModel,
    variables: Any,
    scores: dict[str, np.ndarray],
    budget: Budget,
    image_shape: tuple[int, int, int],
) -> Narrowed:
    """The network with as many channels as a budget allows, the least important ones gone.

    Args:
      scores: {group: importance of each channel}.

    Raises:
      UserError: no number of channels meets the budget, with the range that can be met.
    """
    sites = sites_of(model, variables)
    groups = [site.group for site in sites]
    whole = cost_of(model, variables, image_shape, budget.unit)
    budget = budget.relative_to(whole)

    def cut_to(ratio: float) -> tuple[ImageModel, Any, dict[str, list[int]]]:
        kept = _kept(groups, scores, ratio)
        return (*shrink(model, variables, kept), kept)

    def cost_at(ratio: float) -> float:
        small, smaller, _ = cut_to(ratio)
        return cost_of(small, smaller, image_shape, budget.unit)

    least = cost_at(1.0)
    budget.check_reachable(least, whole, "channels", "give another --budget, such as macs:0.5x")
    ratio = _least_ratio(cost_at, budget)
    small, smaller, kept = cut_to(ratio)
    costs = {}
    for unit in ("params", "macs", "latency"):
        costs[unit] = (
            cost_of(model, variables, image_shape, unit),
            cost_of(small, smaller, image_shape, unit),
        )
    return Narrowed(small, smaller, kept, costs)


def _kept(
    groups: Sequence[Group],
    scores: dict[str, np.ndarray],
    ratio: float,
) -> dict[str, list[int]]:
    """The channels that stay; only of groups that lose some."""
    removed = smallest_of_all(groups, scores, ratio)
    return {g.name: kept_of(g, removed[g.name]) for g in groups if removed[g.name]}


def _least_ratio(
    cost_at: Callable[[float], float],
    budget: Budget,
    steps: int = 9,
) -> float:
    """The smallest share of channels to remove that meets the budget, by halving."""
    if budget.allows(cost_at(0.0)):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        if budget.allows(cost_at(middle)):
            high = middle
        else:
            low = middle
    return high


def importances(
    method: str,
    sites: Sequence[Site],
    variables: Any,
    loss: Callable[[Any], jax.Array] | None = None,
) -> dict[str, np.ndarray]:
    """{group: importance of each channel}.

    Args:
      method: a registered importance.
      loss: parameters -> a scalar, for importances that take gradients.
    """
    rule = IMPORTANCES.find(method)
    arrays = flat(jax.device_get(variables))
    gradients = None
    if method in NEEDS_GRADIENTS:
        found = jax.device_get(jax.jit(jax.grad(loss))(variables["params"]))
        gradients = flat({"params": found})
    return {site.group.name: rule(site.group, arrays, gradients) for site in sites}


# ------------------------------------------------------------------------------------ the face


def narrow_run(
    workdir: Path,
    out: Path,
    amount: str,
    method: str,
    display: Display,
) -> Narrowed:
    """Cuts the network of a run and writes what is left into a folder.

    Args:
      workdir: the run.
      out: the folder: architecture.json, weights.safetensors, narrowed.json, narrowed.png.
      amount: "macs:0.5x", "params:100000", "latency:3 ms".
      method: a registered importance.

    Raises:
      UserError: no such run, a family without groups, a budget that cannot be met.
    """
    budget = read_budget(amount)
    task, variables = trained_network(workdir)
    model = task.model
    sites = sites_of(model, variables)
    if method in NEEDS_GRADIENTS:
        others = sorted(set(IMPORTANCES.entries) - set(NEEDS_GRADIENTS))
        raise UserError(
            f"--importance={method} needs gradients, for which this verb reads no images\n"
            f"give one of {', '.join(others)}, or call effjax.compress.narrow.importances"
        )
    scores = importances(method, sites, variables)
    found = narrow(model, variables, scores, budget, task.split.image_shape)
    _write(task.config.model.name, found, sites, method, amount, out)
    _show(found, display)
    display.line(f"picture: {out / PICTURE}")
    display.line(
        f"train it further: effjax train --config=F --config.model.arch={out / FOUND_ARCHITECTURE} "
        f"--config.init_from={out / FOUND_WEIGHTS}"
    )
    return found


def read_budget(amount: str) -> Budget:
    """ "macs:0.5x" as a budget.

    Raises:
      UserError: another form.
    """
    unit, colon, number = amount.partition(":")
    if not colon:
        raise UserError(f"--budget={amount}: expected UNIT:AMOUNT, such as macs:0.5x or latency:3")
    return Budget(unit, number)


def _write(
    name: str,
    found: Narrowed,
    sites: Sequence[Site],
    method: str,
    amount: str,
    out: Path,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    name = models.without_tag(name)
    models.write_architecture(name, found.model.architecture, out / FOUND_ARCHITECTURE)
    models.save_weights(found.model, found.variables, str(out / FOUND_WEIGHTS))
    record = {
        "importance": method,
        "budget": amount,
        "costs": found.costs,
        "kept": found.kept,
        "of": {site.group.name: site.group.size for site in sites},
    }
    write_atomically(out / NARROWED, json.dumps(record, indent=1) + "\n")
    plot_kept(record["of"], found.kept, out / PICTURE)


def _show(
    found: Narrowed,
    display: Display,
) -> None:
    rows = []
    for unit, (before, after) in found.costs.items():
        shown = "{:.3g} ms".format if unit == "latency" else format_count
        rows.append([unit, shown(before), shown(after), f"{100 * after / before:.0f} %"])
    for line in format_table(rows, ["cost", "before", "after", "left"], right=(1, 2, 3)):
        display.line(line)


def plot_kept(
    sizes: dict[str, int],
    kept: dict[str, list[int]],
    path: Path,
) -> None:
    """Writes a PNG: of each group how many channels stay."""
    from matplotlib.figure import Figure

    names = list(sizes)[:60]
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(names)), layout="constrained")
    axes = figure.subplots()
    # shares: heads are few, and hidden channels many
    stay = []
    labels = []
    for name in names:
        left = len(kept[name]) if name in kept else sizes[name]
        stay.append(100 * left / sizes[name])
        labels.append(f"{name}  {left} of {sizes[name]}")
    axes.barh(labels, [100] * len(names), color=GREY, label="before")
    axes.barh(labels, stay, color=COLOURS[0], height=0.4, label="kept")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("% of channels or heads")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    save_figure(figure, path)
