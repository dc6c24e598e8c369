"""Reads back what compressing a network has written into its run's folder."""

import json
from pathlib import Path
from typing import Any

from effjax.errors import UserError


def read_written(workdir: Path, name: str) -> dict[str, Any]:
    """The JSON file `name` of a run.

    Raises:
      UserError: there is none, or it cannot be read.
    """
    try:
        return json.loads((workdir / name).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{workdir} holds no {name} that can be read ({error})") from error
