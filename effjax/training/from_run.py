"""`model.name` may be a run's folder: its architecture, its weights and its preprocessing."""

from pathlib import Path
from typing import Any

import ml_collections

from effjax import models
from effjax.config import as_path
from effjax.data.config import DataConfig
from effjax.errors import UserError, nearest
from effjax.models import TRAINING_FIELDS
from effjax.runs.best import split_network, split_step
from effjax.runs.folder import CONFIG, FOUND_ARCHITECTURE
from effjax.runs.record import read_config

# of `config.data`: what an image goes through before the network sees it
PREPROCESSING = ("image_size", "eval_size", "eval_crop", "eval_interpolation", "mean", "std")
OWN_KEYS = ("name", "num_classes", "dtype", "param_dtype", "arch")  # of `config.model`


def use_run(config: ml_collections.ConfigDict) -> None:
    """Replaces the folder of a run in `model.name` by what was trained there.

    The architecture's fields are the run's; how it is trained (`drop_path_rate`, ...) the config
    decides. `init_from` becomes the run, unless it is set. Preprocessing that the config leaves at
    its defaults becomes the run's.

    Args:
      config: the config tree, which is changed. "runs/x:best" names a checkpoint.

    Raises:
      UserError: a path without a run.
    """
    source = config.model.name
    place, _ = split_network(source)
    place, _ = split_step(place)
    # names of models have no slash; "./x" names a folder here
    looks_like_path = "/" in place
    folder = as_path(place) if looks_like_path else Path(place)
    stored = read_config(folder) if (folder / CONFIG).exists() else None
    if stored is None:
        if looks_like_path:
            raise UserError(_no_run(source, folder))
        return
    _take_model(config.model, folder, stored["model"])
    if config.init_from is None:
        config.init_from = source
    _take_preprocessing(config.data, stored["data"])


def _take_model(section: ml_collections.ConfigDict, folder: Path, stored: dict[str, Any]) -> None:
    fields = {key: value for key, value in stored.items() if key not in OWN_KEYS}
    name = stored["name"]
    if (folder / FOUND_ARCHITECTURE).exists():  # of a search: what it found
        name, fields = models.read_architecture(folder / FOUND_ARCHITECTURE)
    given = {key: section[key] for key in TRAINING_FIELDS if key in section}
    with section.unlocked():  # a config from the command line is locked
        for key in list(section):
            if key not in OWN_KEYS:  # fields of another model
                del section[key]
        section.update({**fields, **given, "name": name})


def _take_preprocessing(section: ml_collections.ConfigDict, stored: dict[str, Any]) -> None:
    defaults = DataConfig()
    for key in PREPROCESSING:
        if key in stored and section[key] == getattr(defaults, key):
            value = stored[key]
            section[key] = tuple(value) if isinstance(value, list) else value


def _no_run(source: str, folder: Path) -> str:
    runs = [str(path.parent) for path in folder.parent.glob(f"*/{CONFIG}")]
    hint = f"; {nearest(str(folder), runs)}" if runs else ""
    return (
        f"config.model.name = {source!r} is no run's folder{hint}\n"
        "give the folder of a run, or a model's name: effjax models"
    )
