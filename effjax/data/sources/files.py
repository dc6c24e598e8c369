"""Sets of named files, read at random: a folder, a zip, a tar, or an archive for each split.

Names have "/" between their parts, whatever the system or the archive uses.
"""

import functools
import logging
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from effjax.data.sources.splits import is_split
from effjax.errors import UserError, printable

# what Pillow opens of the formats that hold photographs and drawings, and .heic through pillow-heif
IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".webp", ".avif", ".avifs", ".heic", ".heif", ".hif"),
    *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".tga", ".qoi"),
)
ARCHIVES = (".zip", ".tar")
MAC_FOLDER = "__MACOSX"  # what a Mac adds to a zip


class Files(Protocol):
    """A set of named files, read at random; cheap to pickle."""

    path: str

    def names(self) -> list[str]:
        """The path of every file, "/" between its parts."""

    def read(self, name: str) -> bytes:
        """The bytes of one file."""

    def stamp(self, name: str) -> str:
        """What changes when the content of a file does, without reading it."""


class Folder:
    """Files on disk. Links are followed, but not in circles."""

    def __init__(self, path: str):
        self.path = path

    def names(self) -> list[str]:
        return [name.replace(os.sep, "/") for name in self._walk("", ())]

    def _walk(self, inside: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
        """The files below the folder `inside`.

        Args:
          above: device and inode of each folder on the way: a link to one of them is a circle.
        """
        folder = os.path.join(self.path, inside)
        try:
            status = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            _warn(f"left out: {folder} ({error.strerror})")
            return
        here = status.st_dev, status.st_ino
        if here in above:
            return
        for entry in entries:
            name = os.path.join(inside, entry.name)
            # a hidden folder is one name: it may hold thousands of files
            if entry.is_dir() and not is_hidden(entry.name):
                yield from self._walk(name, (*above, here))
            else:
                yield name

    def read(self, name: str) -> bytes:
        with open(os.path.join(self.path, name), "rb", buffering=0) as file:
            return file.read()

    def stamp(self, name: str) -> str:
        return stamp_of(os.path.join(self.path, name))


class Zip:
    """Members of a zip."""

    def __init__(self, path: str):
        self.path = path

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    @functools.cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(
                f"{printable(self.path)} is no whole zip: {error}\n"
                "its end may be missing: copy or download it again"
            ) from error

    @functools.cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        members = {}
        for info in self._archive.infolist():
            # some Windows programs write backslashes
            name = info.filename.replace("\\", "/")
            is_folder = name.endswith("/")
            if not is_folder:
                members[name] = info
        return members

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str) -> bytes:
        return self._archive.read(self._members[name])

    def stamp(self, name: str) -> str:
        return str(self._members[name].CRC)


class Tar:
    """Members of an uncompressed tar, read at their offsets."""

    def __init__(self, path: str):
        self.path = path

    @functools.cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """{name: (offset, size)}."""
        places = {}
        try:
            with tarfile.open(self.path, "r:") as archive:
                for member in archive:
                    if not member.isfile():
                        continue
                    name = member.name.replace("\\", "/")
                    name = name.removeprefix("./")
                    places[name] = (member.offset_data, member.size)
        except (tarfile.ReadError, OSError) as error:
            if places:
                raise self._cut(str(error)) from error
            raise UserError(
                f"{printable(self.path)} is not a plain tar ({error}); a compressed one cannot be "
                "read at random\nunpack it, or pack it again without compression"
            ) from error
        ends = [offset + size for offset, size in places.values()]
        if max(ends, default=0) > os.path.getsize(self.path):
            raise self._cut("its last file is not whole")
        return places

    def _cut(self, problem: str) -> UserError:
        return UserError(
            f"{printable(self.path)} is no whole tar: {problem}\ncopy or download it again"
        )

    def names(self) -> list[str]:
        return list(self._places)

    def read(self, name: str) -> bytes:
        offset, size = self._places[name]
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def stamp(self, name: str) -> str:
        offset, size = self._places[name]
        return f"{offset} {size} {os.stat(self.path).st_mtime_ns}"


class Archives:
    """A folder with an archive for each split, such as train.zip and test.zip."""

    def __init__(self, path: str, archives: dict[str, Files]):
        self.path = path
        self._archives = archives

    def names(self) -> list[str]:
        found = []
        for split, files in self._archives.items():
            found += [f"{split}/{name}" for name in files.names()]
        return found

    def read(self, name: str) -> bytes:
        split, _, inside = name.partition("/")
        return self._archives[split].read(inside)

    def stamp(self, name: str) -> str:
        split, _, inside = name.partition("/")
        return self._archives[split].stamp(inside)


def is_archive(path: str) -> bool:
    """Whether a path ends as a .zip or a .tar does."""
    return path.lower().endswith(ARCHIVES)


def open_files(path: str) -> Files:
    """A folder, a .zip or a .tar, or a folder that holds one archive, or one for each split."""
    if not os.path.isdir(path):
        is_zip = path.lower().endswith(".zip")
        return Zip(path) if is_zip else Tar(path)
    entries = [name for name in sorted(os.listdir(path)) if not is_hidden(name)]
    archives = {}
    for name in entries:
        if is_archive(name):
            stem, _ = os.path.splitext(name)
            archives[stem] = os.path.join(path, name)
    if len(archives) == len(entries) == 1:
        (only,) = archives.values()
        return open_files(only)
    splits = {}
    for stem, file in archives.items():
        if is_split(stem):
            splits[stem] = open_files(file)
    if splits:
        return Archives(path, splits)
    return Folder(path)


def stamp_of(path: str) -> str:
    """Size and time of a file: what changes when its content does."""
    try:
        status = os.stat(path)
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def stamps_of(paths: Iterable[str]) -> list[str]:
    """`stamp_of` each file."""
    return [stamp_of(path) for path in paths]


def is_hidden(name: str) -> bool:
    """Whether a name, or any folder in it, is hidden (".git") or made by a Mac for itself."""
    parts = name.split("/")
    return any(part.startswith(".") or part == MAC_FOLDER for part in parts)


def is_image(name: str) -> bool:
    """Whether a file ends as an image does and is not hidden."""
    ends_as_image = name.lower().endswith(IMAGE_ENDINGS)
    return ends_as_image and not is_hidden(name)


def image_names(files: Files) -> list[str]:
    """The names of all images, sorted; without hidden files and what a Mac adds to a zip."""
    return sorted(name for name in files.names() if is_image(name))


def _warn(message: str) -> None:
    logging.getLogger("effjax.data").warning("%s", printable(message))
