"""Whether a run's folder may be continued: with the same config and the same data."""

from pathlib import Path
from typing import Any

from effjax.config import Clock, View
from effjax.errors import UserError
from effjax.runs.data_record import difference
from effjax.runs.folder import CHECKPOINTS, CONFIG
from effjax.runs.record import read_config, read_file
from effjax.runs.schema import FREE_KEYS, default_config

EXTENDED = "schedule.extended"  # how a run was made longer
SHOWN = 3  # differing keys that the message spells out


def flatten(tree: Any, path: str = "") -> dict[str, Any]:
    """{"a.b": leaf} of nested dicts."""
    if not isinstance(tree, dict):
        return {path: tree}
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flatten(value, f"{path}.{key}" if path else key)
    return leaves


def check_continues(workdir: Path, config: View, extend: bool) -> None:
    """Refuses a workdir that another config made.

    Args:
      workdir: the run's folder, which need not exist.
      config: what the run would go on with.
      extend: whether `total_*` may be longer.

    Raises:
      UserError: naming the keys that differ.
    """
    if workdir.exists() and not workdir.is_dir():
        raise UserError(f"--workdir={workdir} is a file; give a folder")
    stored = read_config(workdir)
    if stored is None:
        if workdir.is_dir() and (workdir / CHECKPOINTS).exists():
            raise UserError(f"{workdir} has checkpoints but no {CONFIG}; give another --workdir")
        return
    old = flatten(stored)
    new = flatten(config.to_dict())
    differing = _differing(old, new)
    lengths = [key for key in differing if _is_length(key)]
    is_shorter = bool(lengths) and _is_shorter(workdir, config)
    if extend and not is_shorter:
        differing = [key for key in differing if key not in lengths]
    if not differing:
        return
    shown = "; ".join(f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in differing[:SHOWN])
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    raise UserError(
        f"{workdir} was made with another config ({shown}{more})\n"
        f"{_remedy(workdir, lengths == differing, is_shorter)}"
    )


def _remedy(workdir: Path, only_length: bool, is_shorter: bool) -> str:
    if only_length and is_shorter:
        return "a shorter run is one of its own: give another --workdir"
    if only_length:
        return "add --extend to train it for longer"
    return f"give another --workdir; --continue-from={workdir} starts it from the state of this run"


def planned_steps(workdir: Path, config: Any = None) -> int | None:
    """The steps that the run in a folder was to make.

    Args:
      workdir: the run's folder.
      config: another config for the same data; None: that of the folder.

    Returns:
      None where there is no run, or where the steps depend on data of which nothing is recorded.

    Raises:
      UserError: config.json cannot be read.
    """
    content = read_file(workdir)
    if content is None:
        return None
    config = config or content["config"]
    data = content.get("data") or _old_record(content.get("record", {}))
    examples = data.get("examples")
    if config["total_epochs"] is not None and examples is None:
        return None
    return Clock(config["data"]["batch_size"], examples or 0).steps(config, "total")


def _is_shorter(workdir: Path, config: View) -> bool:
    before = planned_steps(workdir)
    now = planned_steps(workdir, config)
    # what cannot be compared, as in runs of 0.1 without a record of their data, counts as longer
    return before is not None and now is not None and now < before


def _differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Keys whose values differ and can change the result."""
    # a key that is younger than the run: the run had what is its default
    defaults = flatten(View(default_config()).to_dict())
    before = defaults | old
    if not new.get(EXTENDED):
        # it is taken over from the folder
        new = new | {EXTENDED: before.get(EXTENDED)}
    keys = sorted(old | new)
    return [k for k in keys if before.get(k) != new.get(k) and not k.startswith(FREE_KEYS)]


def _is_length(key: str) -> bool:
    """Whether a key sets how long the run is, or how it was made longer."""
    return key.startswith(("total_", EXTENDED))


def check_same_data(workdir: Path, data: dict[str, Any]) -> None:
    """Refuses to continue a run on other data than it began with.

    Args:
      workdir: the run's folder; one without a record of its data is not refused.
      data: what `describe_data` returns for the data that are there now.

    Raises:
      UserError: naming the first difference: number, classes, or content and order.
    """
    content = read_file(workdir)
    if content is None:
        return
    stored = content.get("data") or _old_record(content.get("record", {}))
    found = difference(stored, data)
    if found is not None:
        raise UserError(
            f"{workdir} was trained on other data: {found}\n"
            "give it the data that it began with, or another --workdir and "
            f"--config.init_from={workdir}"
        )


def _old_record(record: dict[str, Any]) -> dict[str, Any]:
    """What runs before 2026-11-26 noted of their data, under the names of today."""
    names = {"examples": "examples", "labels": "classes"}
    return {new: record[old] for old, new in names.items() if old in record}
