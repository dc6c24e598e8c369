"""`effjax compress --budget`: cuts the network of a run.

effjax compress --workdir=runs/quickstart --budget=macs:0.5x
effjax compress --workdir=runs/quickstart --budget=macs:0.5x --importance=isp
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.compress.cut_record import NARROWED, PICTURE, Costs, read_cut, show, write_cut
from effjax.compress.depth import shorten
from effjax.compress.gates.methods import GATES
from effjax.compress.images import first_batches, loss_on
from effjax.compress.importance import IMPORTANCES
from effjax.compress.narrow import NEEDS_GRADIENTS, Scope, importances, narrow, read_budget
from effjax.compress.refit import readers_of, refitted
from effjax.compress.sites import sites_of
from effjax.config import from_json, to_config
from effjax.contract import join_variables
from effjax.errors import UserError, nearest
from effjax.report import Display, choose_display
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.runs.record import config_of_run
from effjax.runs.schema import OptimConfig, RunConfig
from effjax.tasks.run import restore, train
from effjax.tasks.trained_network import trained_network
from effjax.training.restore import evaluated

TASKS = ("classification", "distill")
BLOCKS = "blocks"  # whole blocks go
BATCHES = 8  # of images, for what looks at a loss
GATES_RATE = 3e-3


def check_method(method: str) -> None:
    """Refuses what is neither an importance, nor a kind of gates, nor "blocks".

    Raises:
      UserError: naming the nearest.
    """
    known = [*IMPORTANCES.entries, *GATES.entries, BLOCKS]
    if method not in known and ":" not in method:
        raise UserError(
            f"unknown --importance={method}; {nearest(method, known)}\nknown: {', '.join(known)}"
        )


def cut_run(
    workdir: Path,
    out: Path,
    amount: str,
    method: str,
    scope: Scope = "global",
    display: Display | None = None,
    refit: bool = False,
    steer: float = 0.0,
) -> Costs:
    """Cuts the network of a run to a budget and writes what is left into a folder.

    Args:
      workdir: the run.
      out: the folder: architecture.json, weights.safetensors, narrowed.json, narrowed.png.
      amount: "macs:0.5x", "params:100000", "latency:3 ms".
      method: a registered importance; "blocks", of which the least useful ones go; or a kind of
        gates, which learn on the images of the run.
      scope: see `narrow`; gates compare channels among all groups.
      display: of the training of gates.
      refit: whether linear layers are fitted to what they gave before, on images of the run.
      steer: of gates: the weight of where the cut network looks, see `gates.saliency`.

    Returns:
      {unit: (before, after)}.

    Raises:
      UserError: no such run, a family without groups, a budget that cannot be met.
    """
    check_method(method)
    budget = read_budget(amount)
    if method in GATES.entries:
        train(of_gates(workdir, method, amount, steer), out, display=display)
        return read_cut(out)["costs"]
    needs_images = refit or method in (*NEEDS_GRADIENTS, BLOCKS)
    read = with_images if needs_images else trained_network
    task, variables = read(workdir)
    batches = first_batches(task, BATCHES) if needs_images else []
    name = task.config.model.name
    model = task.model
    shape = task.split.image_shape
    if method == BLOCKS:
        found, gone = shorten(model, variables, _losses_on(batches), budget, shape)
        write_cut(name, found, [], method, amount, out, gone)
        return found.costs
    sites = sites_of(model, variables)
    loss = loss_on(model, variables, batches) if method in NEEDS_GRADIENTS else None
    scores = importances(method, sites, variables, loss)
    found = narrow(model, variables, scores, budget, shape, scope)
    if refit:
        images = batches[0][0]
        cut_groups = [site.group for site in sites if site.group.name in found.kept]
        readers = readers_of(model, variables, cut_groups, images)
        fitted = refitted(found.variables, readers, found.kept)
        found = dataclasses.replace(found, variables=fitted)
    write_cut(name, found, sites, method, amount, out)
    return found.costs


def _losses_on(batches: list) -> Callable[[Any, Any], float]:
    """(network, its variables) -> its loss on some batches."""

    def loss(model: Any, variables: Any) -> float:
        return float(jax.jit(loss_on(model, variables, batches))(variables["params"]))

    return loss


def with_images(workdir: Path) -> tuple[Any, Any]:
    """The task of a run with its images, and the variables of its network."""
    setup, state = restore(workdir, choose_display(quiet=True))
    _check_task(setup.config.task.name)
    weights = evaluated(setup, state)
    return setup.task, join_variables(*setup.task.network_alone(**weights))


def of_gates(
    workdir: Path,
    method: str,
    amount: str,
    steer: float = 0.0,
) -> ml_collections.ConfigDict:
    """The config that learns gates on the network of a run, as long as that was trained.

    Raises:
      UserError: no run, or one of another task.
    """
    config = from_json(config_of_run(workdir), RunConfig)
    _check_task(config.task.name)
    with config.unlocked():
        for key in list(config.task):
            if key not in ("name", "early_stop"):
                del config.task[key]
        config.task.update(name="gates", gates=method, budget=amount, steer=steer)
        config.model.name = str(workdir)  # its architecture and weights
        for group in list(config.optim):
            del config.optim[group]
        config.optim.default = to_config(OptimConfig)
        config.optim.default.update(name="adamw", learning_rate=GATES_RATE, weight_decay=1e-3)
    config.ema.decay = None
    config.init_from = None
    return config


def _check_task(name: str) -> None:
    if name not in TASKS:
        raise UserError(
            f"a run of task {name!r} cannot be cut by its images\n"
            f"give a run of one of: {', '.join(TASKS)}"
        )


def narrow_run(
    workdir: Path,
    out: Path,
    amount: str,
    method: str,
    display: Display,
    refit: bool = False,
    scope: Scope = "global",
    steer: float | None = None,
) -> Costs:
    """Cuts the network of a run, see `cut_run`, and shows what is left."""
    if steer is not None and method not in GATES.entries:
        raise UserError(
            f"--steer is for gates that are learned, not for {method}\n"
            f"give --importance={' or '.join(GATES.entries)}, or leave it out"
        )
    if scope != "global" and method in (*GATES.entries, BLOCKS):
        raise UserError(f"--ratios={scope} is for importances of channels, not for {method}")
    if refit and method in (*GATES.entries, BLOCKS):
        raise UserError(f"--refit is for importances of channels, not for {method}; leave it out")
    costs = cut_run(workdir, out, amount, method, scope, display, refit, steer or 0.0)
    show(costs, display)
    if method == BLOCKS:
        gone = read_cut(out)["blocks_gone"]
        display.line("gone: " + ", ".join(f"stage {stage} block {block}" for stage, block in gone))
    else:
        display.line(f"picture: {out / PICTURE}")
    show_how_on(workdir, out, display)
    return costs


def show_how_on(
    workdir: Path,
    out: Path,
    display: Display,
) -> None:
    """Says how a cut network is trained further."""
    display.line(
        f"train it further: effjax train --config=F --config.model.arch={out / FOUND_ARCHITECTURE} "
        f"--config.init_from={out / FOUND_WEIGHTS}"
    )
    display.line(
        f"with the original as teacher: --config.task.name=distill --config.task.teacher={workdir}"
    )


def cut_once(
    workdir: Path,
    out: Path,
    amount: str,
    method: str,
    scope: Scope,
) -> Costs:
    """As `cut_run`; what is cut already is read.

    Raises:
      UserError: it was cut in another way.
    """
    if not (out / NARROWED).exists():
        return cut_run(workdir, out, amount, method, scope, choose_display(quiet=True))
    record = read_cut(out)
    if record["importance"] != method:
        raise UserError(
            f"{out} was cut by {record['importance']}, not by {method}\ngive another --workdir"
        )
    return record["costs"]
