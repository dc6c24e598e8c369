"""One weights file into another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from effjax.models.weights.convert import from_torch, to_torch
from effjax.models.weights.fetch import fetch
from effjax.models.weights.files import State, read_state, write_state
from effjax.models.weights.load import named_by, renamed


def rewrite(
    source: str | Path,
    out: str | Path,
    name: str,
    ignore: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
) -> int:
    """Writes `source` (see `load_weights`) as safetensors with timm's names; every tensor is used.

    Args:
        source: a `.safetensors` or `.pth` file with timm's or the authors' names, or "hub:...".
        out: the file to write.
        name: the registered architecture that it belongs to.
        ignore: patterns of names in the file that are left out.
        rename: {pattern: replacement} that is applied to the names in the file first.

    Returns:
        The number of tensors written.

    Raises UserError for a file that cannot be read and for a tensor that does not fit.
    """
    given = renamed(read_state(fetch(source)), rename)
    kept = State({}, given.notes)
    for key, value in given.items():
        if not named_by(ignore, key):
            kept[key] = value
    # There and back: what does not belong to the architecture is found out on the way.
    variables = from_torch(name, kept)
    state = to_torch(name, variables)
    write_state(state, out)
    return len(state)
