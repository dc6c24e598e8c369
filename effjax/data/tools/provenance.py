"""What prepared data were made from, kept beside them, so that another source is noticed."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any, TypedDict

from effjax.config import read_json
from effjax.data.sources.examples import Examples, identity
from effjax.errors import UserError, printable

SOURCE = "source.json"  # in the directory of one version


class Description(TypedDict):
    """What stands in the file: each split's identity, and the options of the preparation."""

    splits: dict[str, Any]
    options: dict[str, Any]


def describe_source(sources: Mapping[str, Examples], **options: Any) -> dict[str, Any]:
    """What data are prepared from: a fingerprint of each split, and how; JSON data.

    Args:
      options: of the preparation.
    """
    splits = {}
    for name, source in sources.items():
        described = identity(source)
        # sizes, times or checksums of all files; the bytes of only some of them are read
        stamps = "\n".join(source.stamps())
        digest = hashlib.blake2b(stamps.encode())
        described["files"] = digest.hexdigest()[:16]
        splits[name] = described
    return {"splits": splits, "options": options}


def write_source(directory: pathlib.Path, described: dict[str, Any]) -> None:
    """Keeps the description beside the prepared files."""
    text = json.dumps(described, indent=1, sort_keys=True)
    path = directory / SOURCE
    path.write_text(text + "\n")


def check_same_source(directory: pathlib.Path, described: dict[str, Any]) -> None:
    """Refuses prepared data that were made from something else, or in another way.

    Raises:
      UserError: they were, or do not say from what.
    """
    advice = "make it anew with --force, or give another --out"
    where = printable(str(directory))
    try:
        before = read_json(directory / SOURCE, Description)
    except (OSError, UserError):
        raise UserError(f"{where} does not say what it was made from\n{advice}") from None
    changed = []
    for key, value in described["options"].items():
        old = before["options"].get(key)
        if old != value:
            changed.append(f"{key}: {old} -> {value}")
    if changed:
        text = ", ".join(changed)
        raise UserError(f"{where} was prepared with other options ({text})\n{advice}")
    if before["splits"] != described["splits"]:
        raise UserError(f"{where} was prepared from other images\n{advice}")
