"""A new run that starts from the state of another one: what fits is taken, the rest is named.

Unlike `init_from`, which takes the weights that one would use, this takes the state of training:
parameters, model state, averages and the optimizer's. Batch size, schedule, optimizer, data and
architecture may differ. The new run counts its steps from 0 and has its own schedule.
"""

import dataclasses
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.config import View, as_path
from effjax.contract import TrainState
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.best import averaged, best_step, split_step
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.continuing import flatten
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.packing import describe, leaf_paths, placed
from effjax.runs.record import config_of_run, read_config, read_labels
from effjax.runs.schema import FREE_KEYS
from effjax.training.setup import Setup

SHOWN = 4  # differences that a line spells out
OPTIMIZER = ("name", "inner")  # what decides the meaning of an optimizer's state


def check_continue_from(source: str | None, workdir: Path) -> None:
    """Refuses a source that is no other run.

    Args:
      source: `config.continue_from`.
      workdir: of the run that is to start.

    Raises:
      UserError: no run there, the workdir itself, or an average, which has no optimizer's state.
    """
    if source is None:
        return
    place, step = split_step(source)
    if as_path(place) == workdir:
        raise UserError(
            f"--continue-from={source} starts a new run: give another --workdir\n"
            "to go on with this one, leave the flag out"
        )
    if read_config(workdir) is not None:
        return  # it has begun, and does not look there again
    if averaged(step) is not None:
        raise UserError(
            f"--continue-from={source}: an average has no optimizer state\n"
            f"give --config.init_from={source}"
        )
    config_of_run(as_path(place))


@dataclasses.dataclass
class Carried:
    """What another run's checkpoint holds, and which of it was taken.

    Attributes:
      leaves: {path in the state: array}.
      not_the_same: paths of parameters that mean something else in this run.
      taken: paths.
      other: {path: "float32[8] there, float32[4] here"} of those that differ.
    """

    leaves: Mapping[str, np.ndarray]
    not_the_same: Set[str]
    taken: list[str] = dataclasses.field(default_factory=list)
    other: dict[str, str] = dataclasses.field(default_factory=dict)

    def into(self, tree: Any, prefix: str) -> Any:
        """`tree`, a part of the state at `prefix`, with the arrays that fit."""
        wanted = describe(tree)
        found = []
        for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree), strict=True):
            full = f"{prefix}/{path}"
            old = self.leaves.get(full)
            there = "nothing" if old is None else f"{old.dtype}{list(old.shape)}"
            if there != wanted[path]:
                self.other[full] = f"{there} there, {wanted[path]} here"
            elif not self._is_other(full):
                self.taken.append(full)
                leaf = placed(old, leaf.sharding)
            found.append(leaf)
        return jax.tree.structure(tree).unflatten(found)

    def _is_other(self, full: str) -> bool:
        # the optimizer's arrays of a parameter end with its path
        return any(full.endswith(f"/{path}") for path in self.not_the_same)


def continue_from(setup: Setup, fresh: TrainState, source: str, display: Display) -> TrainState:
    """The state before the first update of a run that starts from another run's state.

    Args:
      fresh: the state of a run that starts from nothing.
      source: the folder of a run, or "runs/x:12", "runs/x:best".
      display: gets two lines: what was carried over, and what begins anew.

    Raises:
      UserError: no sound checkpoint there, or nothing in it fits.
    """
    place, step = split_step(source)
    folder = as_path(place)
    step, leaves = _read(folder, step, display)
    before = read_config(folder) or {}
    carried = Carried(leaves, _other_classes(setup, fresh, folder))
    params = carried.into(fresh.params, "params")
    if not carried.taken:
        raise UserError(
            f"nothing of {source} fits: its network is {_network(before)}, this one is "
            f"{_network(setup.config.to_dict())}\nleave --continue-from out"
        )
    model_state = carried.into(fresh.model_state, "model_state")
    state = setup.restart(fresh, params, model_state)
    anew = _groups_anew(setup.config, before)
    opt_state = dict(state.opt_state)
    for group in opt_state:
        if group not in anew:
            opt_state[group] = carried.into(opt_state[group], f"opt_state/{group}")
    ema = state.ema
    # without one there, it begins at the weights that were carried over
    if ema is not None and any(path.startswith("ema/") for path in leaves):
        ema = carried.into(ema, "ema")
    state = state.replace(opt_state=opt_state, ema=ema)
    _report(carried, anew, before, setup.config, f"{source} at step {step}", display)
    return state


def _read(folder: Path, step: Any, display: Display) -> tuple[int, Mapping[str, np.ndarray]]:
    """(step, {path: array}) of a checkpoint."""
    saved = Checkpoints(folder / CHECKPOINTS, warn=display.warn)
    try:
        steps = saved.steps()
        if step is None:
            step = saved.newest_sound()
        elif step == "best":
            step = best_step(folder, steps)
        if step is None or step not in steps:
            listed = ", ".join(map(str, steps)) or "none"
            raise UserError(f"{folder} has no checkpoint {step or ''}; there are: {listed}")
        return step, saved.load_leaves(step)
    finally:
        saved.close()  # its threads would keep Python from ending


def _other_classes(setup: Setup, fresh: TrainState, folder: Path) -> Set[str]:
    """Paths of the parameters that belong to classes, where the runs have other ones."""
    before = read_labels(folder)
    now = setup.task.record().get("labels", [])
    if not before or list(now) == before:
        return frozenset()
    return setup.task.class_paths(fresh.params)


def _groups_anew(config: View, before: Mapping[str, Any]) -> dict[str, str]:
    """{group: "adan -> lion"} of those whose optimizer is another one than before."""
    anew = {}
    for group in config.optim:
        old = before.get("optim", {}).get(group, {})
        new = config.optim[group].extras()
        names = [old.get("name"), new["name"]]
        if any(old.get(key) != new.get(key) for key in OPTIMIZER):
            anew[group] = " -> ".join(map(str, names))
    return anew


def _network(config: Mapping[str, Any]) -> str:
    return str(config.get("model", {}).get("name"))


def _report(
    carried: Carried,
    anew: Mapping[str, str],
    before: Mapping[str, Any],
    config: View,
    source: str,
    display: Display,
) -> None:
    """Says what was carried over, what begins anew, and what differs between the configs."""
    display.line(f"continued from {source}: {len(carried.taken)} arrays carried over")
    begins = [f"optimizer of {group} ({change})" for group, change in anew.items()]
    begins += [f"{path} ({change})" for path, change in carried.other.items()]
    begins += [f"{path} (other classes)" for path in sorted(carried.not_the_same)]
    if begins:
        display.line(f"begins anew: {_listed(begins)}")
    old = flatten(dict(before))
    new = flatten(config.to_dict())
    keys = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
    keys = [key for key in keys if not key.startswith(("continue_from", *FREE_KEYS))]
    changes = [f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in keys]
    if changes:
        display.line(f"changed: {_listed(changes)}")


def _listed(texts: list[str]) -> str:
    shown = "; ".join(texts[:SHOWN])
    more = len(texts) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
