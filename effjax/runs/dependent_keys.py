"""Keys that are read only where another key is set: without it they are refused before JAX starts.

What is read, and what is not, is otherwise known once a run is built, which takes seconds.
"""

from typing import Any

from effjax.config.view import View, changed
from effjax.errors import UserError
from effjax.runs.schema import RunConfig

# key -> (another one, what that must be for the first to be read; None: anything but None)
NEEDS = {
    "init_ignore": ("init_from", None),
    "init_rename": ("init_from", None),
    "task.early_stop.patience": ("task.early_stop.metric", None),
    "task.early_stop.min_delta": ("task.early_stop.metric", None),
    "data.augment.scale": ("data.augment.crop", "random_resized"),
    "data.augment.ratio": ("data.augment.crop", "random_resized"),
}


def check_needs(config: Any) -> None:
    """Refuses keys that are set without the one that they need.

    Args:
      config: of a run, with all its keys.

    Raises:
      UserError: naming the keys.
    """
    view = View(config)
    unread = [key for key in changed(config, RunConfig) if _is_alone(key, view)]
    if unread:
        raise UserError(unread_words(unread))


def _is_alone(key: str, view: View) -> bool:
    if key not in NEEDS:
        return False
    other, wanted = NEEDS[key]
    value: Any = view
    for part in other.split("."):
        value = value[part]
    return value is None if wanted is None else value != wanted


def unread_words(keys: list[str]) -> str:
    """What to say of keys that nothing reads."""
    named = ", ".join(f"config.{key}" for key in keys[:4])
    return f"set, but nothing reads it: {named}\nremove it, or see: effjax show --config=F"
