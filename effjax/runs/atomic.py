"""Files that are written whole or not at all."""

import contextlib
import os
from pathlib import Path

from effjax.config import is_remote


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes a file so that a crash leaves the old one or the new one, never a part.

    Raises:
      OSError: there is no room, or the folder is gone; nothing is left behind then.
    """
    if is_remote(path):
        _write(path, content)  # an object of a bucket comes into being as a whole
        return
    if path.exists() and not path.is_file():
        _write(path, content)  # /dev/null, a pipe: a rename would put a file in its place
        return
    path = path.resolve()  # what a link points to is replaced, not the link
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        _write(part, content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _write(path: Path, content: str | bytes) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
