"""Files that are written whole or not at all."""

import contextlib
import os
from pathlib import Path

from effjax.config import is_remote


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a crash leaves the old one or the new one, never a part.

    Raises:
      OSError: there is no room, or the folder is gone; nothing is left behind then.
    """
    if is_remote(path):
        path.write_text(text)  # an object of a bucket comes into being as a whole
        return
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        part.write_text(text)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
