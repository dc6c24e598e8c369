"""Image files in class folders: on disk, in a zip or in a tar, as they are.

Both `<split>/<class>/<image>` and `<class>/<image>` are understood, with or without one folder
around everything, and an archive for each split (`train.zip`). Classes are numbered in the order of
their names.
"""

import functools
import os
import tarfile
import zipfile
from typing import Any, Protocol

import numpy as np

from effjax.data.sources.splits import find_split, in_split, is_split
from effjax.errors import UserError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


class Files(Protocol):
    """A set of named files, read at random; cheap to pickle."""

    path: str

    def names(self) -> list[str]:
        """The path of every file, "/" between its parts."""

    def read(self, name: str) -> bytes:
        """The bytes of one file."""


class Folder:
    def __init__(self, path: str):
        self.path = path

    def names(self) -> list[str]:
        found = []
        for folder, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = os.path.relpath(folder, self.path)
            found += [os.path.normpath(os.path.join(inside, name)) for name in files]
        return [name.replace(os.sep, "/") for name in found]

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.path, name), "rb", buffering=0) as file:
            return file.read()


class Zip:
    def __init__(self, path: str):
        self.path = path

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    @functools.cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    def names(self) -> list[str]:
        return [info.filename for info in self._archive.infolist() if not info.is_dir()]

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


class Tar:
    """An uncompressed tar: members are read where they lie."""

    def __init__(self, path: str):
        self.path = path

    @functools.cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        try:
            with tarfile.open(self.path, "r:") as archive:
                members = [member for member in archive if member.isfile()]
        except tarfile.ReadError as error:
            raise UserError(
                f"{self.path} is not a plain tar ({error}); a compressed one cannot be read at "
                "random\nunpack it, or pack it again without compression"
            ) from error
        return {
            member.name.removeprefix("./"): (member.offset_data, member.size) for member in members
        }

    def names(self) -> list[str]:
        return list(self._places)

    def read(self, name: str) -> bytes:
        offset, size = self._places[name]
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)


class Archives:
    """A folder with an archive for each split, such as train.zip and test.zip."""

    def __init__(self, path: str, archives: dict[str, Files]):
        self.path, self._archives = path, archives

    def names(self) -> list[str]:
        return [
            f"{split}/{name}" for split, files in self._archives.items() for name in files.names()
        ]

    def read(self, name: str) -> bytes:
        split, _, inside = name.partition("/")
        return self._archives[split].read(inside)


def open_files(path: str) -> Files:
    """A folder, a .zip or a .tar, or a folder that holds one archive, or one for each split."""
    if not os.path.isdir(path):
        return Zip(path) if path.endswith(".zip") else Tar(path)
    entries = sorted(os.listdir(path))
    archives = {
        os.path.splitext(name)[0]: os.path.join(path, name)
        for name in entries
        if name.endswith((".zip", ".tar"))
    }
    if len(archives) == len(entries) == 1:
        return open_files(*archives.values())
    splits = {name: open_files(file) for name, file in archives.items() if is_split(name)}
    return Archives(path, splits) if splits else Folder(path)


class ImageFiles:
    """One split of a set of image files in class folders; a `Source`."""

    def __init__(self, files: Files, split: str, val_share: float, split_seed: int):
        prefix, paths = class_folders(files)
        self.files = files
        self.class_names = tuple(sorted({path[-2] for path in paths}))
        if len(paths[0]) == 3:
            split = find_split(split, {path[0] for path in paths}, files.path)
            paths = [path for path in paths if path[0] == split]
        number = {name: label for label, name in enumerate(self.class_names)}
        labels = np.array([number[path[-2]] for path in paths], np.int32)
        names = np.array([prefix + "/".join(path) for path in paths])
        if len(paths[0]) == 2:
            below = ["/".join(path) for path in paths]
            chosen = in_split(split, below, labels, val_share, split_seed, files.path)
            names, labels = names[chosen], labels[chosen]
        self._names, self._labels = names, labels

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        return self.files.read(str(self._names[row])), int(self._labels[row])

    def name(self, row: int) -> str:
        return f"{self.files.path}/{self._names[row]}"


def class_folders(files: Files) -> tuple[str, list[tuple[str, ...]]]:
    """The images of `files`, sorted: what stands before all of them, and the parts of each path.

    Returns:
      the common folder ("" or "name/") and paths (split, class, file) or (class, file).

    Raises:
      UserError: no images, or they do not lie in class folders.
    """
    images = sorted(name for name in files.names() if name.lower().endswith(IMAGE_ENDINGS))
    paths = [tuple(name.split("/")) for name in images]
    # what a Mac adds to a zip
    paths = [path for path in paths if path[0] != "__MACOSX" and path[-1][0] != "."]
    if not paths:
        endings = " ".join(IMAGE_ENDINGS)
        raise UserError(f"no images in {files.path}: expected files that end in\n{endings}")
    depths, tops = {len(path) for path in paths}, {path[0] for path in paths}
    prefix = ""
    if len(tops) == 1 and depths <= {3, 4} and not is_split(*tops):
        prefix = f"{tops.pop()}/"
        paths = [path[1:] for path in paths]
        depths, tops = {len(path) for path in paths}, {path[0] for path in paths}
    if depths == {2} or (depths == {3} and any(map(is_split, tops))):
        return prefix, paths
    raise UserError(
        f"{files.path} holds images such as {images[0]!r}\n"
        "expected <split>/<class>/<image> with splits such as train and val, or <class>/<image>"
    )
