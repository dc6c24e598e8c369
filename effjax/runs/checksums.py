"""Checksums of a checkpoint's files: Orbax loads flipped bytes without a word."""

import json
import zlib

from etils import epath

from effjax.config import read_json
from effjax.errors import UserError
from effjax.runs.atomic import write_atomically

CHECKSUMS = "checksums.json"  # {file: CRC-32}; written last, so a save without it is unfinished


def _files(folder: epath.Path) -> list[epath.Path]:
    found: list[epath.Path] = []
    for path in folder.iterdir():
        found += _files(path) if path.is_dir() else [path]
    return sorted(path for path in found if path.name != CHECKSUMS)


def checksums(folder: epath.Path) -> dict[str, int]:
    """{path inside the folder: CRC-32} of all files."""
    return {str(path.relative_to(folder)): zlib.crc32(path.read_bytes()) for path in _files(folder)}


def write_checksums(folder: epath.Path) -> None:
    """Marks a checkpoint as finished."""
    write_atomically(folder / CHECKSUMS, json.dumps(checksums(folder)))


def damage(folder: epath.Path) -> str | None:
    """What is wrong with a checkpoint's files, or None."""
    if not (folder / CHECKSUMS).exists():
        return f"{CHECKSUMS} is missing (the save was cut short)"
    try:
        expected = read_json(folder / CHECKSUMS, dict[str, int])
    except UserError as error:
        return str(error).splitlines()[0]
    found = checksums(folder)
    for name, checksum in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != checksum:
            return f"{name} has changed since it was written"
    # Orbax would load an array that somebody put in
    unlisted = sorted(found.keys() - expected.keys())
    if unlisted:
        return f"{unlisted[0]} was put there after it was written"
    return None
