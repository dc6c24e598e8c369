"""The trained generator and critic that smaller ones are cut out of."""

import jax

from effjax import models
from effjax.config import as_path
from effjax.contract import Params
from effjax.errors import UserError
from effjax.runs.best import split_step
from effjax.tasks.trained_generator import trained_generator


def gan_teacher(source: str, generator: models.Network) -> Params:
    """What an adversarial run has learned, on the host.

    Args:
      source: its folder; "runs/x:12" names a checkpoint.
      generator: what its generator has to be.

    Raises:
      UserError: no such run, or one of other networks.
    """
    if not source:
        raise UserError(
            "config.task.teacher names the run whose generator is made narrower: "
            "--config.task.teacher=runs/gan_digits"
        )
    place, step = split_step(source)
    with jax.ensure_compile_time_eval():  # it may be asked for while a step is traced
        task, variables = trained_generator(as_path(place), step, whole=True)
        found = jax.device_get(variables["params"])
    if task.model != generator or getattr(task, "players", None) is None:
        raise UserError(
            f"config.task.teacher = {source!r} has another generator than config.model\n"
            "give the same config.model and config.data as that run has"
        )
    return found


def check_critic(source: str, found: Params, wanted: Params) -> None:
    """Refuses a teacher whose critic has other parameters than are wanted."""
    if jax.tree.map(jax.numpy.shape, found) != jax.tree.map(jax.numpy.shape, wanted):
        raise UserError(
            f"config.task.teacher = {source!r} has another critic\n"
            "give the same config.task.critic and critic_widths as that run has"
        )
