"""A run's config as a user gives it: what is wrong in it is said before JAX is imported.

Importing JAX and the models takes a second or two; most mistakes are seen without them.
"""

from collections.abc import Sequence
from pathlib import Path

import ml_collections

from effjax.config import View, load
from effjax.data.sources.catalog import check_is_there
from effjax.errors import UserError
from effjax.runs.continuing import check_continues
from effjax.runs.dependent_keys import check_needs
from effjax.runs.folder import CONFIG
from effjax.runs.known_names import check_names
from effjax.runs.schema import RunConfig


def load_run(
    spec: str,
    overrides: Sequence[str],
    workdir: Path | None = None,
    extend: bool = False,
) -> ml_collections.ConfigDict:
    """The config of a run, checked as far as that is quick.

    Args:
      spec: `path.py[:arg]`, or the name of a config that ships.
      overrides: "--config.key=value", in the order in which they are applied.
      workdir: the run's folder, where one is written to; None: there is none.
      extend: whether the run may be longer than the folder's.

    Raises:
      UserError: see `effjax.config.load`; or a key is set without the one that it needs, there are
        no such images, no such model, optimizer or schedule, no such weights, or the folder is
        another run's.
    """
    config = load(spec, overrides, RunConfig)
    check_needs(config)
    check_is_there(config.data.name, config.data.data_dir)
    # the file `model.arch` changes the config before it is compared, and a run that starts from
    # another has rules of its own
    is_plain = config.model.arch is None and config.continue_from is None
    if workdir is not None and is_plain:
        check_continues(workdir, View(config), extend)
    if is_plain:
        check_names(config)
    if workdir is None or not (workdir / CONFIG).exists():
        _check_weights(config.init_from)
    return config


def _check_weights(source: str | None) -> None:
    """Refuses a file of weights that is not there; a run that goes on needs it no more."""
    is_file = source is not None and source.endswith((".safetensors", ".pth"))
    if not is_file or source.startswith("hub:") or "://" in source:
        return
    if not Path(source).expanduser().is_file():
        raise UserError(f"no weights at {source}: give the path of a .safetensors or .pth file")
