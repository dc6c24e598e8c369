"""The network of a run, out of its folder."""

from pathlib import Path
from typing import Any

import jax

from effjax.contract import join_variables
from effjax.errors import UserError
from effjax.report import Display, choose_display
from effjax.runs.best import Step
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.runs.record import read_record
from effjax.tasks.run import restore
from effjax.training.restore import evaluated


def trained_network(
    workdir: Path, step: Step = None, display: Display | None = None
) -> tuple[Any, dict[str, Any]]:
    """The task of a run (a `Classification`) and the variables of its network.

    The variables are the run's average, if it has one. The data of the run need not be there:
    images that are made up stand in for them.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    display = display or choose_display(quiet=True)
    devices = jax.process_count()  # one of each host
    data = _made_up_data(read_record(workdir))
    setup, state = restore(workdir, display, step, devices=devices, data=data)
    # asked of the task rather than of its class: this file lies below classification
    trains_model = getattr(setup.task, "trains_model", None)
    if trains_model is None:
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}\n"
            "give the workdir of a classification or a distill run"
        )
    if not trains_model:
        raise UserError(
            f"{workdir} is a search, not a network; train what it has found:\n"
            f"effjax train --config=F --config.model.arch={workdir / FOUND_ARCHITECTURE}"
        )
    return setup.task, join_variables(**evaluated(setup, state))


def _made_up_data(record: dict[str, Any]) -> dict[str, Any] | None:
    """Entries of `config.data` for images of as many classes as the run had."""
    if "labels" not in record:
        return None
    return {
        "name": "synthetic",
        "cache": None,
        "synthetic_examples": record["examples"],
        "synthetic_classes": len(record["labels"]),
    }
