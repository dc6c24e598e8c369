"""The generator of a run, out of its folder: a denoiser, or what won against a critic."""

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


def trained_generator(
    workdir: Path, step: Step = None, display: Display | None = None, whole: bool = False
) -> tuple[Any, dict[str, Any]]:
    """The task of a run (a `Diffusion` or an `Adversarial`) and the variables of its network.

    The variables are the run's average, if it has one. The data of the run need not be there.

    Args:
      whole: all that the task has learned, and not the generator alone.

    Raises:
      UserError: no run there, no checkpoint, or a run of another kind of task.
    """
    display = display or choose_display(quiet=True)
    record = read_record(workdir)
    # latents are read where they lie
    data = made_up_data(record) if "latent_shape" not in record else None
    setup, state = restore(workdir, display, step, devices=jax.process_count(), data=data)
    # asked of the task rather than of its class, which imports this file
    if not getattr(setup.task, "draws_images", False):
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}, which makes no images\n"
            "give the workdir of a diffusion or an adversarial run"
        )
    found = evaluated(setup, state)
    if whole:
        return setup.task, join_variables(**found)
    return setup.task, join_variables(*setup.task.network_alone(**found))
