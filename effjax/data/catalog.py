"""From a data set's name, or a path, to a directory that TFDS has prepared as ArrayRecord."""

import contextlib
import os
import sys
from collections.abc import Iterator

from effjax.data.builders import BUILDERS
from effjax.errors import UserError, nearest


def default_data_dir() -> str:
    """Where TFDS keeps prepared data when no directory is given."""
    return os.environ.get("TFDS_DATA_DIR") or os.path.expanduser("~/tensorflow_datasets")


def prepared_directory(name: str, data_dir: str | None = None) -> str:
    """The directory with `name`'s `dataset_info.json`; our own data sets are prepared if missing.

    `name` is a data set (`digits`), one with a config or a version (`name/config`, `name:1.0.0`),
    or the path of a directory. Of several versions the newest counts.

    Raises:
      UserError: nothing prepared by that name, and no builder of ours can make it.
    """
    from etils import epath

    if (epath.Path(name).expanduser() / "dataset_info.json").exists():
        return os.fspath(epath.Path(name).expanduser())
    root = epath.Path(data_dir or default_data_dir()).expanduser()
    name, _, version = name.partition(":")
    found = newest(root / name, version)
    if found is None and name in BUILDERS and not version:
        prepare_builtin(name, os.fspath(root))
        found = newest(root / name, version)
    if found is None:
        prepared = (
            [p.name for p in root.iterdir() if p.is_dir() and newest(p)] if root.exists() else []
        )
        raise UserError(
            f"data set {name!r} is not prepared in {root}; "
            f"{nearest(name, [*BUILDERS, 'synthetic', *prepared])}\n"
            "set data.name to a known name or to a directory that `effjax data prepare` wrote"
        )
    return os.fspath(found)


def newest(folder: os.PathLike, version: str = "") -> os.PathLike | None:
    """The subfolder of `folder` (or of its only config) with the highest prepared version."""
    if not folder.exists():
        return None
    infos = [path / "dataset_info.json" for path in folder.iterdir() if path.is_dir()]
    versions = [path.parent for path in infos if path.exists() and path.parent.name[:1].isdigit()]
    if version:
        versions = [path for path in versions if path.name == version]
    if versions:
        return max(versions, key=lambda path: [int(n) for n in path.name.split(".")])
    configs = [found for path in folder.iterdir() if path.is_dir() and (found := newest(path))]
    return configs[0] if len(configs) == 1 and not version else None


def prepare_builtin(name: str, data_dir: str) -> None:
    """Prepares one of our own data sets below `data_dir`; others may try at the same time."""
    import tensorflow_datasets as tfds

    os.makedirs(data_dir, exist_ok=True)
    tfds.disable_progress_bar()
    builder_class = BUILDERS[name].load()
    with _locked(os.path.join(data_dir, f".{name}.lock")), contextlib.redirect_stdout(sys.stderr):
        # array_record always: TFDS's default format needs TensorFlow
        builder = builder_class(data_dir=data_dir, file_format="array_record")
        # where the lock does not hold (another host, a shared disk) the first to finish wins
        with contextlib.suppress(FileExistsError):
            builder.download_and_prepare()


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
