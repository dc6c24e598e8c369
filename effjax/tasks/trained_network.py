"""The network of a run, out of its folder: what it trained, or what its search found."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from effjax import models
from effjax.config import from_json
from effjax.contract import TrainState, join_variables
from effjax.errors import UserError
from effjax.models.weights.convert import as_model
from effjax.report import Display, choose_display
from effjax.runs.best import Step, averaged
from effjax.runs.folder import FOUND_ARCHITECTURE, FOUND_WEIGHTS
from effjax.runs.record import read_config, read_record
from effjax.runs.schema import RunConfig
from effjax.tasks.run import restore
from effjax.training.restore import evaluated


def trained_network(
    workdir: Path,
    step: Step = None,
    display: Display | None = None,
    network: str | None = None,
) -> tuple[Any, dict[str, Any]]:
    """The task of a run (a `Classification`) and the variables of its network.

    The variables are the run's average, if it has one. The data of the run need not be there:
    images that are made up stand in for them.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    task, variables, _ = described_network(workdir, step, display, network)
    return task, variables


def described_network(
    workdir: Path,
    step: Step = None,
    display: Display | None = None,
    network: str | None = None,
) -> tuple[Any, dict[str, Any], str]:
    """As `trained_network`, and which weights these are in words.

    Args:
      network: "student" or "teacher" of a run that has both; None: the one that it hands on.
    """
    display = display or choose_display(quiet=True)
    devices = jax.process_count()  # one of each host
    record = read_record(workdir)
    data = made_up_data(record)
    # made-up images have a class each, which a loss of numbers would refuse
    of_class = {"loss": "cross_entropy"} if record.get("targets") == "numbers" else None
    setup, state = restore(workdir, display, step, devices=devices, data=data, task=of_class)
    # asked of the task rather than of its class: this file lies below classification
    trains_model = getattr(setup.task, "trains_model", None)
    if trains_model is None:
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}\n"
            "give the workdir of a classification or a distill run"
        )
    if not trains_model:
        raise UserError(
            f"{workdir} is a search that has not found a network yet\n"
            f"continue it: effjax search --config=F --workdir={workdir}"
        )
    weights = evaluated(setup, state)
    words = _in_words(weights, state, step)
    named = {}
    if network is not None:
        _check_network(setup.task, network, workdir)
        named["network"] = network
        words = f"{network} at {words}"
    params, model_state = setup.task.network_alone(**weights, **named)
    return setup.task, join_variables(params, model_state), words


def _check_network(task: Any, network: str, workdir: Path) -> None:
    known = getattr(task, "networks", ())
    if network not in known:
        what = f"has {', '.join(known)}" if known else "has one network"
        raise UserError(
            f"{workdir} has no network {network!r}: a run of task {task.name!r} {what}\n"
            "leave it out"
        )


IN_WORDS = {"class": "one class an image", "labels": "several labels", "numbers": "numbers"}


def refuse_other_targets(workdir: Path, what: str, kind: str) -> None:
    """Refuses a run that learned another kind of targets.

    Args:
      workdir: the run's folder.
      what: it is to be, in words.
      kind: "class", "labels" or "numbers".

    Raises:
      UserError: naming both kinds.
    """
    learned = read_record(workdir).get("targets", "class")
    if learned != kind:
        raise UserError(
            f"{what} {workdir} learned {IN_WORDS[learned]}; here {IN_WORDS[kind]} is learned\n"
            f"give a run of {IN_WORDS[kind]}"
        )


def _in_words(weights: dict[str, Any], state: TrainState, step: Step) -> str:
    """ "step 400", "moving average at step 400 (best)"."""
    words = f"step {int(state.step)}"
    if averaged(step) is not None:
        return f"average of the last {averaged(step)} checkpoints, up to {words}"
    if step == "best":
        words += " (best)"
    if state.ema is not None:
        return f"moving average (ema) at {words}"
    # an optimizer without weights of its own gives the very parameters back
    pairs = zip(jax.tree.leaves(weights["params"]), jax.tree.leaves(state.params))
    if any(own is not plain for own, plain in pairs):
        return f"what the optimizer evaluates at {words}"
    return words


def has_found(workdir: Path) -> bool:
    """Whether the folder is that of a search which has ended, and so holds a network."""
    return (workdir / FOUND_ARCHITECTURE).exists() and (workdir / FOUND_WEIGHTS).exists()


def found_network(workdir: Path, step: Step = None) -> tuple[models.ImageModel, Any, Any]:
    """The network that a search found: (model, its variables, the config of the search).

    Raises:
      UserError: a step is asked for, or files that do not belong together.
    """
    if step is not None:
        raise UserError(
            f"--step={step}: {workdir} is a search, whose network is that of its end\nleave it out"
        )
    config = from_json(read_config(workdir), RunConfig)
    state = models.weights.read_state(str(workdir / FOUND_WEIGHTS))
    model = as_model(str(workdir / FOUND_ARCHITECTURE), state)
    model = model.clone(dtype=jnp.dtype(config.model.dtype))
    return model, models.weights.from_torch(model, state), config


def made_up_data(record: dict[str, Any]) -> dict[str, Any] | None:
    """Entries of `config.data` for images of as many classes as the run had."""
    if "labels" not in record:
        return None
    return {
        "name": "synthetic",
        "cache": None,
        "synthetic_examples": record["examples"],
        "synthetic_classes": len(record["labels"]),
    }
