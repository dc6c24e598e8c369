"""WebDataset shards: tars in which files of one name are one example, read without conversion.

An example is an image (`000017.jpg`) and its label: `000017.cls` (a number or a name), or
`000017.json` with a key `label` or `cls`. Shards are called `<split>-<number>.tar`, or
`<name>-<split>-<number>.tar`; without a split in their names they are divided as folders are.
"""

import collections
import json
import os
import re
from collections.abc import Sequence

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
        self._tars = [Tar(file) for files in shards.values() for file in files]
        splits = [name for name, files in shards.items() for _ in files]
        texts: list[str] = []
        places: list[tuple[int, str]] = []  # shard, name of the image in it
        for number, tar in enumerate(self._tars):
            for name, text in _labelled(tar):
                places.append((number, name))
                texts.append(text)
        # the classes of all splits, so that their numbers are the same in each
        self.class_names, labels = _classes(texts, path)
        shard_of = np.array([number for number, _ in places], int)
        if NO_SPLIT in shards:
            keys = [f"{number}/{name}" for number, name in places]
            chosen = in_split(split, keys, labels, val_share, split_seed, path)
        else:
            wanted = find_splits(split, shards, path)
            chosen = np.isin(np.array(splits)[shard_of], wanted)
        rows = np.flatnonzero(chosen)
        self._shards, self._labels = shard_of[rows], labels[rows]
        self._names = np.array([places[row][1] for row in rows])

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> tuple[bytes, int]:
        tar = self._tars[self._shards[row]]
        return tar.read(str(self._names[row])), int(self._labels[row])

    def name(self, row: int) -> str:
        tar = self._tars[self._shards[row]]
        return printable(f"{tar.path}/{self._names[row]}")

    def labels(self) -> np.ndarray:
        return self._labels

    def keys(self) -> Sequence[str]:
        return [f"{shard}/{name}" for shard, name in zip(self._shards, self._names)]

    def stamps(self) -> Sequence[str]:
        return stamps_of(tar.path for tar in self._tars)


def find_shards(path: str) -> dict[str, list[str]]:
    """{split: its shards in order} of a folder that holds numbered tars; else {}.

    The split is NO_SPLIT if the names say none.
    """
    found: dict[str, list[str]] = collections.defaultdict(list)
    for name in sorted(os.listdir(path)):
        shard = SHARD.fullmatch(name)
        if shard is None:
            continue
        words = re.split(r"[-_.]", shard[1])
        split = next((word for word in reversed(words) if split_kind(word)), NO_SPLIT)
        found[split].append(os.path.join(path, name))
    if NO_SPLIT in found and len(found) > 1:
        raise UserError(
            f"{printable(path)}: some shards name their split, {found[NO_SPLIT][0]} does not\n"
            "call all of them <split>-<number>.tar"
        )
    return dict(found)


def _labelled(tar: Tar) -> list[tuple[str, str]]:
    """(name of the image, label as text) of each example, in the order of the shard."""
    names = tar.names()
    present = set(names)
    found = []
    for name in filter(is_image, names):
        # the key ends at the first dot of the file's name
        folder, slash, file = name.rpartition("/")
        key = folder + slash + file.partition(".")[0]
        beside = [key + ending for ending in LABEL_ENDINGS if key + ending in present]
        text = _label_text(tar, beside[0]) if beside else None
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
    return next((str(values[key]) for key in JSON_KEYS if key in values), None)


def _classes(texts: list[str], path: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The class names, and labels [N] from what stands in the shards.

    Raises:
      UserError: no examples, or numbers that are no labels.
    """
    if not texts:
        raise UserError(f"{printable(path)} holds no examples: expected <key>.jpg and <key>.cls")
    if all(text.isascii() and text.isdigit() for text in texts):
        # more digits than any label has: refused below, whatever the number
        labels = np.array([int(text[:15]) for text in texts], np.int64)
        return tuple(str(k) for k in range(count_classes(labels, path))), labels
    names, labels = np.unique(np.array(texts), return_inverse=True)
    return tuple(names.tolist()), labels.astype(np.int64)
