"""A run's folder: what was run, whether it may be continued, whether it is finished."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from effjax.config import View, is_remote
from effjax.devices.hosts import is_writer
from effjax.errors import UserError
from effjax.runs.metrics import write_atomically
from effjax.runs.schema import FREE_KEYS
from effjax.version import HOME, VERSION

CONFIG, SUMMARY, CHECKPOINTS, CURVES = "config.json", "summary.json", "checkpoints", "curves.png"
BAD_BATCH = "bad_batch.json"
FOUND_ARCHITECTURE, FOUND_WEIGHTS = "architecture.json", "weights.safetensors"  # of a search
PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "tensorflow-datasets",
    "numpy",
)


def versions() -> dict[str, str]:
    """Versions of Python, effjax and the packages that decide a result."""
    found = {"python": platform.python_version(), "effjax": VERSION}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def git_revision() -> str | None:
    """The commit of the checkout that effjax runs from, with "+changes" if there are any."""
    try:
        ask = ["git", "-C", str(HOME), "describe", "--always", "--abbrev=12", "--dirty=+changes"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def flatten(tree: Any, path: str = "") -> dict[str, Any]:
    """{"a.b": leaf} of nested dicts."""
    if not isinstance(tree, dict):
        return {path: tree}
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flatten(value, f"{path}.{key}" if path else key)
    return leaves


def read_config(workdir: Path) -> dict[str, Any] | None:
    """The config that a workdir was made with, as JSON data; None if there is none.

    Raises:
      UserError: the file cannot be read.
    """
    path = workdir / CONFIG
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text())["config"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read ({error})\ngive another --workdir") from error


def check_continues(workdir: Path, config: View, extend: bool) -> None:
    """Refuses a workdir that another config made.

    Raises:
      UserError: naming the keys that differ.
    """
    if workdir.exists() and not workdir.is_dir():
        raise UserError(f"--workdir={workdir} is a file; give a folder")
    old = read_config(workdir)
    if old is None:
        if workdir.is_dir() and (workdir / CHECKPOINTS).exists():
            raise UserError(f"{workdir} has checkpoints but no {CONFIG}; give another --workdir")
        return
    old_leaves, new_leaves = flatten(old), flatten(config.to_dict())
    differing = [
        key
        for key in sorted(old_leaves | new_leaves)
        if old_leaves.get(key) != new_leaves.get(key) and not key.startswith(FREE_KEYS)
    ]
    if extend:
        differing = [key for key in differing if not key.startswith("total_")]
    if not differing:
        return
    shown = "; ".join(f"{k}: {old_leaves.get(k)!r} -> {new_leaves.get(k)!r}" for k in differing[:3])
    more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
    longer = all(key.startswith("total_") for key in differing)
    remedy = "add --extend to train it for longer" if longer else "give another --workdir"
    raise UserError(f"{workdir} was made with another config ({shown}{more})\n{remedy}")


def check_writable(workdir: Path) -> None:
    """Refuses, before minutes of compilation, a workdir that could not be made or written to.

    Raises:
      UserError: naming the folder.
    """
    if is_remote(workdir):
        _check_bucket(workdir)
        return
    try:
        nearest = next(
            folder for folder in (workdir, *workdir.absolute().parents) if folder.exists()
        )
        with tempfile.TemporaryDirectory(prefix=".effjax-", dir=nearest):
            pass
    except OSError as error:
        raise UserError(f"cannot write to --workdir={workdir}: {error.strerror}") from error


def _check_bucket(workdir: Path) -> None:
    try:
        probe = workdir / f".effjax-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except Exception as error:  # what gcsfs raises is of many kinds
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"cannot write to --workdir={workdir}: {reason}\n"
            "does the bucket exist, and may you write? gcloud auth application-default login"
        ) from error


def read_record(workdir: Path) -> dict[str, Any]:
    """What `Task.record` said when the run began; {} where nothing is known."""
    try:
        return json.loads((workdir / CONFIG).read_text()).get("record", {})
    except (OSError, ValueError):
        return {}


def read_labels(workdir: Path) -> list[str]:
    """The names of the classes that a run was trained on; [] where they are not known."""
    return read_record(workdir).get("labels", [])


def open_workdir(workdir: Path, config: View, record: dict[str, Any]) -> None:
    """Makes the folder and writes config.json, with the task's `record`.

    Raises:
      UserError: the folder cannot be made or written to.
    """
    content = {
        "config": config.to_dict(),
        "record": record,
        "versions": versions(),
        "devices": [f"{d.platform}:{d.device_kind}" for d in jax.devices()],
        "cpu_cores": os.cpu_count(),
        "git": git_revision(),
        "command": sys.argv,
    }
    try:
        if not is_remote(workdir):
            workdir.mkdir(parents=True, exist_ok=True)
        write_atomically(workdir / CONFIG, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to --workdir={workdir}: {error.strerror}") from error


def write_bad_batch(workdir: Path, step: int, source: Any, values: dict[str, float]) -> Path:
    """Names the examples of an update that was not finite in WORKDIR/bad_batch.json.

    The batch of update `step` is the one that follows step - 1 updates; where the source knows its
    examples (`rows`), they are listed in the order of the batch, with their place in the data set.
    """
    path = workdir / BAD_BATCH
    record: dict[str, Any] = {"update": step, "batch": step - 1}
    record |= {name: repr(value) for name, value in values.items()}
    if hasattr(source, "rows"):
        record["examples"] = source.rows(step - 1)
    if is_writer():
        write_atomically(path, json.dumps(record, indent=2) + "\n")
    return path


def read_summary(workdir: Path) -> dict[str, Any] | None:
    """The summary of a finished run, or None."""
    try:
        return json.loads((workdir / SUMMARY).read_text())
    except (OSError, ValueError):
        return None
