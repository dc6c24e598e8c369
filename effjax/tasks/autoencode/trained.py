"""The autoencoder of a run, out of its folder."""

from pathlib import Path
from typing import Any

import jax

from effjax.contract import join_variables
from effjax.errors import UserError
from effjax.report import Display, choose_display
from effjax.runs.best import Step
from effjax.runs.record import read_record
from effjax.tasks.run import restore
from effjax.tasks.trained_network import made_up_data
from effjax.training.restore import evaluated


def trained_autoencoder(
    workdir: Path, step: Step = None, display: Display | None = None, own_data: bool = False
) -> tuple[Any, dict[str, Any]]:
    """The task of a run (an `Autoencode`) and the variables of its network.

    The variables are the run's average, if it has one.

    Args:
      own_data: open the run's images, which otherwise need not be there.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    display = display or choose_display(quiet=True)
    data = None if own_data else made_up_data(read_record(workdir))
    setup, state = restore(workdir, display, step, devices=jax.process_count(), data=data)
    if getattr(getattr(setup.task, "model", None), "kind", None) != "autoencoder":
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}, which is no autoencoder\n"
            "give the workdir of a run of --config.task.name=autoencode"
        )
    return setup.task, join_variables(**evaluated(setup, state))
