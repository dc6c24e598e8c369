"""One weights file into another."""

from pathlib import Path

from effjax.models.weights.convert import from_torch, to_torch
from effjax.models.weights.fetch import fetch
from effjax.models.weights.files import read_state, write_state


def rewrite(source: str | Path, out: str | Path, name: str) -> int:
    """Writes `source` (see `load_weights`) as safetensors with timm's names; every tensor is used.

    Args:
        source: a `.safetensors` or `.pth` file with timm's or the authors' names, or "hub:...".
        out: the file to write.
        name: the registered architecture that it belongs to.

    Returns:
        The number of tensors written.

    Raises UserError for a file that cannot be read and for a tensor that does not fit.
    """
    state = to_torch(name, from_torch(name, read_state(fetch(source))))
    write_state(state, out)
    return len(state)
