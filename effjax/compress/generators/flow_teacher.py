"""The trained flow that smaller networks are cut out of."""

from pathlib import Path
from typing import Any

import jax

from effjax.config import as_path
from effjax.contract import Params
from effjax.diffusion import Flow
from effjax.errors import UserError
from effjax.models.families.dit import DiT
from effjax.tasks.trained_generator import trained_generator


def check_flow(task: Any, workdir: Path) -> None:
    """Refuses what cannot be divided.

    Raises:
      UserError: naming it.
    """
    model = task.model
    if not isinstance(getattr(task, "process", None), Flow) or not isinstance(model, DiT):
        raise UserError(
            f"{workdir}: smaller copies are made of a DiT with process 'flow', such as a run of "
            "configs/generate/digits.py"
        )


def teacher_params(task: Any, source: str) -> Params:
    """What the network of the run `source` has learned, on the host.

    Args:
      task: a `Diffusion` with the same network.

    Raises:
      UserError: no such run, or one of another network.
    """
    with jax.ensure_compile_time_eval():  # it is asked for while `init` is traced
        teacher, variables = trained_generator(as_path(source))
        found = jax.device_get(variables["params"])
    if teacher.model != task.model:
        raise UserError(
            f"{source}, from which the copies come, has another network than config.model\n"
            "give the same config.model and config.task.process"
        )
    return found
