"""The names of classes: of a file, and for classes that have none."""

from pathlib import Path

from effjax.config import read_json
from effjax.errors import UserError


def fill_names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """`count` names; classes beyond those that are named are called by their numbers."""
    # a network may have more classes than its data: config.model.num_classes can be given
    unnamed = range(len(names), count)
    return names[:count] + tuple(f"class {k}" for k in unnamed)


def read_label_file(path: Path) -> tuple[str, ...]:
    """The names of a text file with one a line, or of a JSON list.

    Raises:
      UserError: no such file, or other JSON.
    """
    if path.suffix == ".json":
        return tuple(read_json(path, list[str], "give --labels=F, a JSON list of names"))
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise UserError(f"--labels={path} cannot be read: {error}") from error
    names = []
    for line in text.splitlines():
        name = line.strip()
        if name:  # editors leave an empty line at the end
            names.append(name)
    return tuple(names)
