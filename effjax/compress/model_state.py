"""What a task keeps in the model state beside the network: masks, gates' averages, ranks."""

from typing import Any


def divided(model_state: Any, name: str) -> tuple[dict[str, Any], Any]:
    """(the model state of the network, what is kept as `name`)."""
    rest = {key: part for key, part in model_state.items() if key != name}
    return rest, model_state[name]
