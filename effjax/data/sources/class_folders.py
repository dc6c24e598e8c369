"""Image files in class folders: on disk, in a zip or in a tar, as they are.

Both `<split>/<class>/.../<image>` and `<class>/.../<image>` are understood, with or without folders
around everything, and an archive for each split (`train.zip`). Whatever lies below a class folder,
at any depth, belongs to that class. Classes are numbered in the order of their names.
"""

import collections
import dataclasses
import os
import unicodedata
from collections.abc import Sequence

import numpy as np

from effjax.data.sources.files import IMAGE_ENDINGS, Files, image_names, is_hidden, is_image
from effjax.data.sources.splits import find_splits, in_split, is_split, split_kind
from effjax.errors import UserError, printable

# why a file is not taken
HIDDEN = "hidden"
NO_IMAGE = "no image by its ending"
NO_CLASS = "in no class folder"


@dataclasses.dataclass(frozen=True)
class ImagePath:
    """One image: its name among the files, and the parts of it that count, in NFC.

    Attributes:
      name: as the files know it.
      parts: (class, ..., file), or (split, class, ..., file) in a divided set.
    """

    name: str
    parts: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """How the images of a set lie.

    Attributes:
      divided: whether the first part of each path is its split.
      images: sorted by name.
      ignored: {reason: names} of the files that are not taken.
    """

    divided: bool
    images: list[ImagePath]
    ignored: dict[str, list[str]]


class ImageFiles:
    """One split of a set of image files in class folders; a source of examples.

    Raises:
      UserError: no images, images in no class folder, or no such split.
    """

    def __init__(self, files: Files, split: str, val_share: float, split_seed: int):
        self.files = files
        layout = find_layout(files)
        self.ignored = layout.ignored
        images = layout.images
        # of the class among the parts
        level = 0
        if layout.divided:
            level = 1
        # the classes of all splits, so that their numbers are the same in each
        classes = {image.parts[level] for image in images}
        self.class_names = tuple(sorted(classes))
        if layout.divided:
            present = {image.parts[0] for image in images}
            wanted = find_splits(split, present, files.path)
            images = [image for image in images if image.parts[0] in wanted]
        number = {name: label for label, name in enumerate(self.class_names)}
        found = []
        keys = []
        names = []
        for image in images:
            class_name = image.parts[level]
            found.append(number[class_name])
            keys.append("/".join(image.parts))
            names.append(image.name)
        labels = np.array(found, np.int32)
        if not layout.divided:
            chosen = in_split(split, keys, labels, val_share, split_seed, files.path)
            rows = np.flatnonzero(chosen)
            labels = labels[rows]
            keys = [keys[row] for row in rows]
            names = [names[row] for row in rows]
        self._labels = labels
        # arrays of text take far less memory than lists, and pickle quickly
        self._keys = np.array(keys)
        self._names = np.array(names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        name = str(self._names[row])
        return self.files.read(name), int(self._labels[row])

    def name(self, row: int) -> str:
        return printable(f"{self.files.path}/{self._names[row]}")

    def labels(self) -> np.ndarray:
        return self._labels

    def keys(self) -> Sequence[str]:
        return self._keys

    def stamps(self) -> list[str]:
        return [self.files.stamp(str(name)) for name in self._names]


def find_layout(files: Files) -> Layout:
    """Sorts the files of a set into images with their classes, and what is ignored.

    Raises:
      UserError: no images, or none of them lies in a class folder.
    """
    ignored: dict[str, list[str]] = collections.defaultdict(list)
    for name in files.names():
        if is_hidden(name):
            ignored[HIDDEN].append(name)
        elif not is_image(name):
            reason = f"{NO_IMAGE} ({_ending(name)})"
            ignored[reason].append(name)
    names = image_names(files)
    if not names:
        endings = " ".join(IMAGE_ENDINGS)
        raise UserError(
            f"no images in {printable(files.path)}: expected files that end in\n{endings}"
        )
    paths = [ImagePath(name, _parts(name)) for name in names]
    paths = _without_common_folders(paths)
    divided = _is_divided(paths, files.path)
    # a class and a file, and a split above them
    least = 3 if divided else 2
    images = []
    for image in paths:
        if len(image.parts) < least:
            ignored[NO_CLASS].append(image.name)
        else:
            images.append(image)
    if not images:
        raise UserError(
            f"{printable(files.path)} holds images such as {printable(names[0])!r}\n"
            "expected <split>/<class>/<image> with splits such as train and val, or <class>/<image>"
        )
    return Layout(divided, images, dict(ignored))


def describe_ignored(ignored: dict[str, list[str]]) -> list[str]:
    """A line for each reason: how many files are ignored, and the first of them."""
    lines = []
    for reason, names in sorted(ignored.items()):
        examples = printable(names[0])
        if len(names) > 1:
            examples += ", ..."
        lines.append(f"ignored, {printable(reason)}: {len(names)} ({examples})")
    return lines


def _parts(name: str) -> tuple[str, ...]:
    # a Mac decomposes letters with accents, so the same class may come in two spellings
    return tuple(unicodedata.normalize("NFC", part) for part in name.split("/"))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "none"


def _without_common_folders(images: list[ImagePath]) -> list[ImagePath]:
    """Takes away folders around everything, such as the one that a zip was made from."""
    while True:
        tops = {image.parts[0] for image in images}
        # a folder with images of its own is a class; a single split stays a split
        shallowest = min(len(image.parts) for image in images)
        if len(tops) > 1 or shallowest < 3:
            return images
        (top,) = tops
        if is_split(top):
            return images
        images = [ImagePath(image.name, image.parts[1:]) for image in images]


def _is_divided(images: list[ImagePath], path: str) -> bool:
    """Whether the top folders are splits, rather than classes of which one is called "train".

    Raises:
      UserError: it could be either.
    """
    inside: dict[str, set[str]] = {}  # top folder: folders in it
    holds_images: set[str] = set()  # top folders with images directly in them
    for image in images:
        top, *rest = image.parts
        if not rest:
            continue
        folders = inside.setdefault(top, set())
        if len(rest) > 1:
            folders.add(rest[0])
        else:
            holds_images.add(top)
    tops = set(inside)
    splits = {name for name in tops if is_split(name)}
    # a split that holds classes
    kinds = {split_kind(name) for name in splits if inside[name]}
    if not kinds:
        return False
    if len(kinds) > 1 or splits == tops:
        return True
    # one split with siblings: if all hold the same folders, these may well be the classes
    others = tops - splits
    classes: set[str] = set()
    for name in splits:
        classes |= inside[name]
    alike = all(inside[name] and inside[name] <= classes for name in others)
    # a split holds folders only
    is_class = not splits.isdisjoint(holds_images)
    if alike and not is_class:
        raise UserError(
            f"{printable(path)}: is {printable(min(splits))!r} a split or a class? beside it lie "
            f"{printable(', '.join(sorted(others)))}, with the same folders in them\n"
            "rename the other splits to val or test, or the class to something else"
        )
    return False
