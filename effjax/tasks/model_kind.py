"""Which task a model is for: what gives classes is no denoiser."""

from effjax import models
from effjax.errors import UserError

# {kind of a model: the task that trains it}
TASK_OF = {
    "classifier": "classification",
    "denoiser": "diffusion",
    "generator": "adversarial",
    "autoencoder": "autoencode",
}
NAMED = 4  # models in a message


def check_kind(name: str, wanted: str, task: str) -> None:
    """Refuses a model of another kind, before its fields are read.

    Args:
      name: `config.model.name`.
      wanted: one of `TASK_OF`, or "critic".
      task: the name of the one that trains it.

    Raises:
      UserError: the model is unknown, or of another kind.
    """
    found = getattr(models.entry(name).model, "kind", "classifier")
    if found == wanted:
        return
    known = models.list_models(kind=wanted)
    typed = f"--config.task.name={TASK_OF[found]}" if found in TASK_OF else "another task"
    raise UserError(
        f"config.model.name = {models.without_tag(name)!r} is a {found}, task {task!r} trains a "
        f"{wanted} such as {', '.join(known[:NAMED])}\ngive one of these, or {typed}; "
        "list: effjax models"
    )
