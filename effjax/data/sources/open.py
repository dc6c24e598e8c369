"""From what `data.name` says to a source of examples."""

import functools
import glob
import json
import os
import pathlib
from typing import Any

from effjax.data.builders import BUILDERS
from effjax.data.config import DataConfig
from effjax.data.images.resize import image_size
from effjax.data.sources.arrays import IDX_IMAGES, Arrays
from effjax.data.sources.catalog import INFO, check_is_there, is_prepared, prepared_directory
from effjax.data.sources.class_folders import ImageFiles
from effjax.data.sources.examples import Examples
from effjax.data.sources.files import is_archive, open_files
from effjax.data.sources.lists import ENDINGS, ListedFiles
from effjax.data.sources.own import open_own
from effjax.data.sources.parquet import Parquet, find_parquet
from effjax.data.sources.records import Records
from effjax.data.sources.shards import Shards, find_shards
from effjax.data.sources.splits import ALL, MissingSplit, Undivided
from effjax.data.sources.subset import names_part, open_part
from effjax.data.sources.synthetic import Synthetic
from effjax.data.sources.targets import ListedTargets
from effjax.data.sources.tfrecord import TfRecords
from effjax.plugins import is_plugin

SPLITS = ("train", "validation", "test")


def open_examples(config: Any, split: str) -> Examples:
    """The source of examples that `config.name` stands for (see `DataConfig`).

    Args:
      split: a split's name, TFDS split syntax for prepared data, or "all".

    Raises:
      UserError: unknown name, unknown split, or files that cannot be read at random.
    """
    if names_part(split) and not _sliced_by_tfds(config):
        return open_part(split, functools.partial(open_examples, config), config.split_seed)
    # read for every data set: a config of synthetic images may be given another data.name, and a
    # key that nothing reads is refused
    classes = config.synthetic_classes
    examples = config.synthetic_examples
    if config.name == "synthetic":
        size = image_size(config)
        return Synthetic(size, classes, examples, split)
    if config.name in BUILDERS:
        return Records(prepared_directory(config.name, config.data_dir), split)
    path = os.path.expanduser(config.name)
    # a file may be called so: it goes first
    if is_plugin(config.name) and not os.path.exists(path):
        return open_own(config.name, split, config)
    lower = path.lower()
    division = (split, config.val_share, config.split_seed)
    is_npz = lower.endswith(".npz")
    if is_npz or _holds_idx(path):
        return Arrays(_existing(path), *division)
    if lower.endswith(ENDINGS):
        if config.label_separator or config.targets:
            return ListedTargets(
                _existing(path), *division, config.label, config.label_separator, config.targets
            )
        return ListedFiles(_existing(path), *division, label=config.label)
    is_folder = _is_plain_folder(path)
    # a folder is looked into for what it may hold, the special kinds before plain images
    if is_folder and find_parquet(path):
        return Parquet(path, *division, label=config.label)
    if is_folder and find_shards(path):
        return Shards(path, *division)
    if is_folder or is_archive(path):
        files = open_files(_existing(path))
        return ImageFiles(files, *division)
    directory = prepared_directory(config.name, config.data_dir)
    if stored_format(directory) == "tfrecord":
        return TfRecords(directory, split)
    return Records(directory, split)


def open_splits(
    src: str, val_share: float = 0.1, split_seed: int = 0, label: str | None = None
) -> dict[str, Examples]:
    """All splits of `src` (what `data.name` may say) among train, validation and test.

    Raises:
      UserError: nothing readable in `src`.
    """
    config = DataConfig(name=src, val_share=val_share, split_seed=split_seed, label=label)
    sources = {}
    for split in SPLITS:
        try:
            sources[split] = open_examples(config, split)
        except MissingSplit as error:
            missing = error
    if not sources:
        raise missing
    return sources


def whole_if_undivided(config: Any, split: str) -> str:
    """`split`, but "all" for a set that has no splits of its own.

    Raises:
      UserError: nothing readable there.
    """
    try:
        # no set has a split of this name: the answer tells which it has
        open_examples(config, "which?")
    except Undivided:
        return ALL
    except MissingSplit:
        return split
    return split


def _sliced_by_tfds(config: Any) -> bool:
    """Whether a part of a split is TFDS's to cut."""
    path = os.path.expanduser(config.name)
    if config.name in BUILDERS:
        return True
    is_own = is_plugin(config.name) or (os.path.exists(path) and not is_prepared(path))
    if config.name == "synthetic" or is_own:
        return False
    return stored_format(prepared_directory(config.name, config.data_dir)) != "tfrecord"


def stored_format(directory: str) -> str:
    """The file format of a directory that TFDS has prepared: "array_record" or "tfrecord"."""
    path = pathlib.Path(directory) / INFO
    info = json.loads(path.read_text())
    return info.get("fileFormat", "tfrecord")


def _is_plain_folder(path: str) -> bool:
    return os.path.isdir(path) and not is_prepared(path)


def _holds_idx(path: str) -> bool:
    if not os.path.isdir(path):
        return False
    pattern = f"{glob.escape(path)}/*{IDX_IMAGES}*"
    return bool(glob.glob(pattern))


def _existing(path: str) -> str:
    if not os.path.exists(path):
        check_is_there(path)
    return path
