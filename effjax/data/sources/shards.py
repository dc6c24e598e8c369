"""WebDataset shards: tars in which files of one name are one example, read without conversion.

An example is an image (`000017.jpg`) and its label: `000017.cls` (a number or a name), or
`000017.json` with a key `label` or `cls`. Shards are called `<split>-<number>.tar`, or
`<name>-<split>-<number>.tar`; without a split in their names they are divided as folders are.
"""

import collections
import json
import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from effjax.data.sources.files import Tar, is_image, stamps_of
from effjax.data.sources.labels import count_classes
from effjax.data.sources.splits import find_splits, in_split, split_kind
from effjax.errors import UserError, printable

SHARD = re.compile(r"(.*?)[-_.]?\d+\.tar", re.IGNORECASE)
LABEL_ENDINGS = (".cls", ".json")
JSON_KEYS = ("label", "cls", "class")
NO_SPLIT = ""


class Shards:
    """One split of a folder of shards; a source of examples.

    Raises:
      UserError: no such split, or an image without a label.
    """

    def __init__(self, path: str, split: str, val_share: float, split_seed: int):
        self.path = path
        shards = find_shards(path)
        self._tars: list[Tar] = []
        split_of_shard: list[str] = []
        for name, files in shards.items():
            self._tars += map(Tar, files)
            split_of_shard += [name] * len(files)
        # of each example: its shard, the name of its image in it, its label as text
        numbers: list[int] = []
        names: list[str] = []
        texts: list[str] = []
        for number, tar in enumerate(self._tars):
            for name, text in _labelled(tar):
                numbers.append(number)
                names.append(name)
                texts.append(text)
        # the classes of all splits, so that their numbers are the same in each
        self.class_names, labels = _classes(texts, path)
        shard_of = np.array(numbers, int)
        if NO_SPLIT in shards:
            keys = _keys(numbers, names)
            chosen = in_split(split, keys, labels, val_share, split_seed, path)
        else:
            wanted = find_splits(split, shards, path)
            split_of = np.array(split_of_shard)[shard_of]
            chosen = np.isin(split_of, wanted)
        rows = np.flatnonzero(chosen)
        self._shards = shard_of[rows]
        self._labels = labels[rows]
        self._names = np.array([names[row] for row in rows])

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        tar = self._tars[self._shards[row]]
        name = str(self._names[row])
        return tar.read(name), int(self._labels[row])

    def name(self, row: int) -> str:
        tar = self._tars[self._shards[row]]
        return printable(f"{tar.path}/{self._names[row]}")

    def labels(self) -> np.ndarray:
        return self._labels

    def keys(self) -> Sequence[str]:
        return _keys(self._shards, self._names)

    def stamps(self) -> Sequence[str]:
        return stamps_of(tar.path for tar in self._tars)


def _keys(shards: Iterable[int], names: Iterable[str]) -> list[str]:
    # a name may be in several shards
    return [f"{shard}/{name}" for shard, name in zip(shards, names)]


def find_shards(path: str) -> dict[str, list[str]]:
    """{split: its shards in order} of a folder that holds numbered tars; else {}.

    The split is NO_SPLIT if the names say none.
    """
    found: dict[str, list[str]] = collections.defaultdict(list)
    for name in sorted(os.listdir(path)):
        shard = SHARD.fullmatch(name)
        if shard is None:
            continue
        split = _split_in(shard[1])
        found[split].append(os.path.join(path, name))
    if NO_SPLIT in found and len(found) > 1:
        raise UserError(
            f"{printable(path)}: some shards name their split, {found[NO_SPLIT][0]} does not\n"
            "call all of them <split>-<number>.tar"
        )
    return dict(found)


def _split_in(name: str) -> str:
    """The split that a shard's name ends in, NO_SPLIT if there is none."""
    words = re.split(r"[-_.]", name)
    # the last one counts: before it stands the name of the set
    for word in reversed(words):
        if split_kind(word):
            return word
    return NO_SPLIT


def _labelled(tar: Tar) -> list[tuple[str, str]]:
    """(name of the image, label as text) of each example, in the order of the shard."""
    names = tar.names()
    present = set(names)
    found = []
    for name in filter(is_image, names):
        # the key ends at the first dot of the file's name
        folder, slash, file = name.rpartition("/")
        stem, _, _ = file.partition(".")
        key = folder + slash + stem
        text = None
        for ending in LABEL_ENDINGS:
            beside = key + ending
            if beside in present:
                text = _label_text(tar, beside)
                break
        if text is None:
            raise UserError(
                f"{printable(f'{tar.path}/{name}')} has no label\n"
                "expected a .cls, or a .json with the key label, of the same name beside it"
            )
        found.append((name, text))
    return found


def _label_text(tar: Tar, name: str) -> str | None:
    text = tar.read(name).decode(errors="replace").strip()
    if not name.endswith(".json"):
        return text or None
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    for key in JSON_KEYS:
        if key in values:
            return str(values[key])
    return None


def _classes(texts: list[str], path: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The class names, and labels [N] from what stands in the shards.

    Raises:
      UserError: no examples, or numbers that are no labels.
    """
    if not texts:
        raise UserError(f"{printable(path)} holds no examples: expected <key>.jpg and <key>.cls")
    are_numbers = all(text.isascii() and text.isdigit() for text in texts)
    if are_numbers:
        # more digits than any label has: refused below, whatever the number
        numbers = [int(text[:15]) for text in texts]
        labels = np.array(numbers, np.int64)
        classes = count_classes(labels, path)
        return tuple(map(str, range(classes))), labels
    names, labels = np.unique(np.array(texts), return_inverse=True)
    return tuple(names.tolist()), labels.astype(np.int64)
