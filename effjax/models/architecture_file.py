"""Architectures as JSON files: what a search writes, and what `create_model` reads."""

import json
from pathlib import Path
from typing import Any, TypedDict

from effjax.config import as_path
from effjax.config.json_files import read_json
from effjax.models.registry import default_fields, entry, fields_of

# How a network is trained, not what it is: a file that describes an architecture leaves them out.
TRAINING_FIELDS = ("auxiliary", "drop_path_rate", "head_dropout", "remat", "scan")


class ArchitectureFile(TypedDict):
    """What a file holds; notes of the search may stand beside it."""

    architecture: str
    fields: dict[str, Any]


def write_architecture(name: str, architecture: Any, path: str | Path, **notes: Any) -> None:
    """Write a registered name and what differs from its defaults as JSON, and any `notes`.

    Fields that say how a network is trained and not what it is (`TRAINING_FIELDS`) are left out,
    unless the default has another number of stages.
    """
    defaults = default_fields(name)
    changed = {}
    for field, value in fields_of(architecture).items():
        default = defaults[field]
        both = isinstance(value, tuple) and isinstance(default, tuple)
        is_other_length = both and len(value) != len(default)
        belongs = field not in TRAINING_FIELDS or is_other_length
        if belongs and value != default:
            changed[field] = value
    content = {"architecture": name, "fields": changed, **notes}
    text = json.dumps(content, indent=2)
    as_path(path).write_text(text + "\n")


def read_architecture(path: str | Path) -> tuple[str, dict[str, Any]]:
    """(registered name, fields) of a file that `write_architecture` wrote.

    Raises UserError for a file that is missing or is something else.
    """
    remedy = "give the architecture.json of a finished effjax search"
    stored = read_json(as_path(path), ArchitectureFile, remedy)
    entry(stored["architecture"])  # known, or refused in a sentence
    return stored["architecture"], dict(stored["fields"])
