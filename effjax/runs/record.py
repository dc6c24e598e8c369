"""config.json: with which config, data, versions and devices a run was made."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from effjax import plugins
from effjax.config import View, is_remote, read_json
from effjax.errors import UserError, nearest
from effjax.runs.atomic import write_atomically
from effjax.runs.folder import CONFIG
from effjax.version import HOME, VERSION

# the packages whose versions can change a result
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


class ConfigFile(TypedDict):
    """What readers of config.json rely on.

    Attributes:
      config: the resolved config.
      record: what `Task.record` returned when the run began.
      data: what `effjax.runs.data_record.describe_data` returned then.
      created: seconds since 1970 when the run began.
      plugins: where code of the user's own comes from, see `effjax.plugins`.
    """

    config: dict[str, Any]
    record: NotRequired[dict[str, Any]]
    data: NotRequired[dict[str, Any]]
    created: NotRequired[float]
    plugins: NotRequired[list[dict[str, str]]]


def versions() -> dict[str, str]:
    """Versions of Python, effjax and the packages that can change a result."""
    from importlib import metadata  # takes longer than to refuse a command

    found = {"python": platform.python_version(), "effjax": VERSION}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def git_revision() -> str | None:
    """The commit of the checkout that effjax runs from, with "+changes" if there are any."""
    ask = ["git", "-C", str(HOME), "describe", "--always", "--abbrev=12", "--dirty=+changes"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def read_file(workdir: Path) -> ConfigFile | None:
    """All of config.json; None if there is none.

    Raises:
      UserError: the file cannot be read, or has another shape.
    """
    path = workdir / CONFIG
    if not path.exists():
        return None
    content = read_json(path, ConfigFile, "give another --workdir")
    # nothing is imported here: only where the config names something that is not known
    plugins.remember(content.get("plugins", []))
    return content


def read_config(workdir: Path) -> dict[str, Any] | None:
    """The config that a workdir was made with, as JSON data; None if there is none.

    Raises:
      UserError: the file cannot be read, or has another shape.
    """
    content = read_file(workdir)
    return None if content is None else content["config"]


def config_of_run(workdir: Path) -> dict[str, Any]:
    """The config that a run was made with, as JSON data.

    Raises:
      UserError: no run there; it names runs beside it that are called nearly so.
    """
    config = read_config(workdir)
    if config is None:
        siblings = [str(path.parent) for path in workdir.parent.glob(f"*/{CONFIG}")]
        hint = f"; {nearest(str(workdir), siblings)}" if siblings else ""
        raise UserError(
            f"{workdir} is not a run's folder: it has no {CONFIG}{hint}\n"
            "give a folder that effjax train, search or compress wrote"
        )
    return config


def read_record(workdir: Path) -> dict[str, Any]:
    """What `Task.record` returned when the run began; {} where there is no record."""
    return (read_file(workdir) or {}).get("record", {})


def read_labels(workdir: Path) -> list[str]:
    """The names of the classes that a run was trained on; [] where they are not known."""
    return read_record(workdir).get("labels", [])


def open_workdir(
    workdir: Path,
    config: View,
    record: dict[str, Any],
    data: dict[str, Any] | None = None,
) -> None:
    """Makes the folder and writes config.json.

    Args:
      workdir: the run's folder.
      config: the resolved config.
      record: what `Task.record` returned.
      data: what `effjax.runs.data_record.describe_data` returned.

    Raises:
      UserError: the folder cannot be made or written to.
    """
    import jax  # here: a config that does not fit the folder is refused before JAX is imported

    # a run that is continued keeps the time of its first start
    before = read_file(workdir) or {}
    content = {
        "config": config.to_dict(),
        "record": record,
        "data": data or {},
        "created": before.get("created", round(time.time(), 3)),
        "versions": versions(),
        "devices": [f"{device.platform}:{device.device_kind}" for device in jax.devices()],
        "cpu_cores": os.cpu_count(),
        "git": git_revision(),
        "command": sys.argv,
        "plugins": plugins.to_record(),
    }
    try:
        if not is_remote(workdir):  # a bucket has no folders
            workdir.mkdir(parents=True, exist_ok=True)
        write_atomically(workdir / CONFIG, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to --workdir={workdir}: {error.strerror}") from error
