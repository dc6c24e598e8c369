"""What prepared data were made from, kept beside them, so that another source is noticed."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from effjax.data.sources.examples import Examples, identity
from effjax.errors import UserError, printable

SOURCE = "source.json"  # in the directory of one version


def describe_source(sources: Mapping[str, Examples], **options: Any) -> dict[str, Any]:
    """What data are prepared from: a fingerprint of each split, and how; JSON data.

    Args:
      options: of the preparation.
    """
    splits = {name: identity(source) for name, source in sources.items()}
    for name, source in sources.items():
        # sizes, times or checksums of all files; the bytes of only some of them are read
        stamps = "\n".join(source.stamps())
        splits[name]["files"] = hashlib.blake2b(stamps.encode()).hexdigest()[:16]
    return {"splits": splits, "options": options}


def write_source(directory: pathlib.Path, described: dict[str, Any]) -> None:
    """Keeps the description beside the prepared files."""
    (directory / SOURCE).write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


def check_same_source(directory: pathlib.Path, described: dict[str, Any]) -> None:
    """Refuses prepared data that were made from something else, or in another way.

    Raises:
      UserError: they were, or do not say from what.
    """
    advice = "make it anew with --force, or give another --out"
    where = printable(str(directory))
    try:
        before = json.loads((directory / SOURCE).read_text())
        options, splits = before["options"], before["splits"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{where} does not say what it was made from\n{advice}") from None
    wanted = described["options"]
    changed = [key for key in wanted if options.get(key) != wanted[key]]
    if changed:
        text = ", ".join(f"{key}: {options.get(key)} -> {wanted[key]}" for key in changed)
        raise UserError(f"{where} was prepared with other options ({text})\n{advice}")
    if splits != described["splits"]:
        raise UserError(f"{where} was prepared from other images\n{advice}")
