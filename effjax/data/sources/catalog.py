"""From a data set's name, or a path, to a directory that TFDS has prepared as ArrayRecord."""

import contextlib
import difflib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from effjax.data.builders import BUILDERS
from effjax.errors import UserError, nearest, printable
from effjax.plugins import is_plugin

INFO = "dataset_info.json"
READABLE = (".zip", ".tar", ".csv", ".tsv", ".npz")  # files that hold or list images
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


def default_data_dir() -> str:
    """Where TFDS keeps prepared data when no directory is given."""
    return os.environ.get("TFDS_DATA_DIR") or os.path.expanduser("~/tensorflow_datasets")


def prepared_directory(name: str, data_dir: str | None = None) -> str:
    """The directory that holds `name`; our own data sets are prepared if missing.

    Names of our own data sets come before paths: write "./digits" for a folder of that name.

    `name` is a data set (`digits`), one with a config or a version (`name/config`, `name:1.0.0`),
    or the path of a directory. Of several versions the newest counts.

    Raises:
      UserError: nothing prepared by that name, and no builder of ours can make it.
    """
    from etils import epath

    # a name of ours goes before a folder of that name
    if name not in BUILDERS and is_prepared(name):
        path = epath.Path(name).expanduser()
        if not (path / INFO).exists():
            path = newest(path)
        return os.fspath(path)
    root = epath.Path(data_dir or default_data_dir()).expanduser()
    name, _, version = name.partition(":")
    if name in BUILDERS and not BUILDERS[name].files:
        version = version or str(BUILDERS[name].load().VERSION)
    folder = root / name
    found = newest(folder, version)
    if found is None and name in BUILDERS:
        prepare_builtin(name, os.fspath(root))
        found = newest(folder, version)
    if found is None:
        raise UserError(_missing(name, root))
    return os.fspath(found)


def check_is_there(name: str, data_dir: str | None = None) -> None:
    """Refuses what `data.name` says if there is nothing of that name; nothing is read or prepared.

    Raises:
      UserError: no data set, folder or file of that name.
    """
    from etils import epath

    # a place in a bucket and a class of the user's are looked at where they are opened
    is_elsewhere = "://" in name or is_plugin(name)
    if name in BUILDERS or name == "synthetic" or is_elsewhere:
        return
    name, _, version = name.partition(":")
    root = epath.Path(data_dir or default_data_dir()).expanduser()
    path = os.path.expanduser(name)
    if os.path.isfile(path):
        there = name.lower().endswith(READABLE)
    else:
        there = os.path.isdir(path) or newest(root / name, version) is not None
    if not there:
        raise UserError(_missing(name, root))


def _missing(name: str, root: Any) -> str:
    """What to say where there is no data set, folder or file `name`."""
    shown = printable(name)
    if name.lower().endswith(COMPRESSED):
        return (
            f"data.name={shown}: the images of a compressed tar cannot be read one by one\n"
            f"unpack it (tar -xf {shown}) and give the folder, or make a .zip or .tar of it"
        )
    if os.path.exists(os.path.expanduser(name)):
        return (
            f"data.name={shown} is no file of images; expected .zip, .tar, .csv, .tsv or .npz\n"
            "or a folder; docs/own_images.md shows what may be in it"
        )
    if _looks_like_a_path(name):
        kind = "file" if name.lower().endswith(READABLE) else "folder or file"
        return (
            f"data.name={shown}: there is no such {kind}{_beside(name)}\n"
            "give a folder of class folders, a .zip or .tar of it, a .csv list or an .npz"
        )
    known = [*BUILDERS, "synthetic", *_prepared_names(root)]
    return (
        f"no data {shown!r}: neither a folder or file here nor a data set in {root}; "
        f"{nearest(name, known, cutoff=0.87)}\n"
        "your images: --config.data.name=FOLDER (or a .zip, .tar, .csv, .npz)"
    )


def _looks_like_a_path(name: str) -> bool:
    _, ending = os.path.splitext(name)
    return os.sep in name or name.startswith(("~", ".")) or ending[1:].isalpha()


def _beside(path: str) -> str:
    """ "; did you mean 'data/flowers'?" if something like `path` lies in the same folder."""
    folder, wanted = os.path.split(path.rstrip(os.sep))
    shown = folder or "."
    if not os.path.isdir(os.path.expanduser(shown)):
        return f", nor the folder {printable(shown)}"
    names = os.listdir(os.path.expanduser(shown))
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    if not close:
        return ""
    return f"; did you mean {printable(os.path.join(folder, close[0]))!r}?"


def _prepared_names(root: Any) -> list[str]:
    """The data sets that TFDS has prepared in a directory."""
    if not root.exists():
        return []
    names = []
    for path in root.iterdir():
        if path.is_dir() and newest(path):
            names.append(path.name)
    return names


def is_prepared(path: str) -> bool:
    """Whether `path` is a directory that TFDS has prepared, or holds versions of one."""
    from etils import epath

    folder = epath.Path(path).expanduser()
    return (folder / INFO).exists() or newest(folder) is not None


def newest(folder: os.PathLike, version: str = "") -> os.PathLike | None:
    """The highest prepared version in `folder`, or in its only config."""
    pattern = f"{version or '[0-9]*'}/{INFO}"
    versions = [info.parent for info in folder.glob(pattern)]
    if not versions:
        versions = [info.parent for info in folder.glob(f"*/{pattern}")]
        configs = {path.parent for path in versions}
        if len(configs) > 1:
            return None
    return max(versions, key=_version_number, default=None)


def _version_number(path: os.PathLike) -> list[int]:
    # as numbers: 1.10.0 comes after 1.9.0
    return [int(part) for part in path.name.split(".") if part.isdigit()]


def prepare_builtin(name: str, data_dir: str, manual_dir: str | None = None) -> None:
    """Prepares one of our own data sets below `data_dir`; others may try at the same time.

    Raises:
      UserError: the set is made from files that the user has, and `manual_dir` is missing.
    """
    if BUILDERS[name].files and manual_dir is None:
        raise UserError(
            f"{name} is not prepared in {data_dir}; it is made from {BUILDERS[name].files}\n"
            f"effjax data prepare {name} --manual-dir=DIR"
        )
    os.makedirs(data_dir, exist_ok=True)
    builder_class = BUILDERS[name].load()
    lock = os.path.join(data_dir, f".{name}.lock")
    with _locked(lock):
        # array_record always: TFDS's default format needs TensorFlow
        builder = builder_class(data_dir=data_dir, file_format="array_record")
        write(builder, manual_dir)


def write(builder: Any, manual_dir: str | None = None) -> None:
    """Lets a TFDS builder write its files, unless they are there; what it prints goes to stderr."""
    import tensorflow_datasets as tfds

    with tempfile.TemporaryDirectory() as nothing, contextlib.redirect_stdout(sys.stderr):
        files = tfds.download.DownloadConfig(manual_dir=manual_dir)
        # where no lock holds (another host, a shared disk) the first to finish wins
        with contextlib.suppress(FileExistsError), _progress_bars():
            builder.download_and_prepare(download_dir=nothing, download_config=files)


@contextlib.contextmanager
def _progress_bars() -> Iterator[None]:
    """Ends the bars that TFDS leaves open when it fails: they would be drawn over the message."""
    import tqdm

    try:
        yield
    finally:
        bars = getattr(tqdm.tqdm, "_instances", ())
        # a copy: a bar that closes leaves the set
        for bar in list(bars):
            bar.close()


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    import fcntl

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
