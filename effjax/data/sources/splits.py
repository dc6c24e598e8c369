"""Splits: the names people give them, and a seeded stratified one where there is none."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from effjax.errors import UserError, nearest, printable

# the usual names of each split, ours first
SAME = (("train", "training"), ("validation", "val", "valid", "dev"), ("test", "testing"))
ALL = "all"  # every split, or the whole of an undivided set


class MissingSplit(UserError):
    """The data set has no split of that name."""


class Undivided(MissingSplit):
    """It has no splits of its own, but those that `in_split` makes."""


def is_split(name: str) -> bool:
    """Whether a folder or array of this name is a split."""
    return split_kind(name) is not None


def split_kind(name: str) -> str | None:
    """Our name for a split that is called `name`; None for other names."""
    for names in SAME:
        if name.lower() in names:
            return names[0]
    return None


def find_split(wanted: str, present: Iterable[str], where: str) -> str:
    """The name in `present` that means `wanted`: itself or a usual other name ("val").

    Raises:
      MissingSplit: there is none.
    """
    present = sorted(present)
    if wanted in present:
        return wanted
    for names in SAME:
        if wanted.lower() not in names:
            continue
        # the most usual name first, where several are there
        for usual in names:
            for name in present:
                if name.lower() == usual:
                    return name
    raise MissingSplit(
        f"split {wanted!r} is not in {printable(where)}; {nearest(wanted, present)}\n"
        f"{_instead(wanted, present)}"
    )


def _instead(wanted: str, present: Sequence[str]) -> str:
    """What to type where there is no split `wanted`."""
    held_out = [name for name in present if split_kind(name) in ("validation", "test")]
    training = [name for name in present if split_kind(name) == "train"]
    if split_kind(wanted) in ("validation", "test"):
        if held_out:
            return f"give --config.data.val_split={held_out[0]}"
        if training:
            first = training[0]
            return (
                f"divide what is there: --config.data.train_split={first}[:90%] "
                f"--config.data.val_split={first}[90%:]"
            )
    return "set data.train_split and data.val_split"


def find_splits(wanted: str, present: Iterable[str], where: str) -> list[str]:
    """As `find_split`, and all of them for "all".

    Raises:
      MissingSplit: there is none.
    """
    present = sorted(present)
    if wanted == ALL and ALL not in present:
        return present
    return [find_split(wanted, present, where)]


def find_split_expression(wanted: str, present: Iterable[str], where: str) -> str:
    """`find_splits` for each name in a TFDS split such as "train[:90%]+val".

    Raises:
      MissingSplit: there is none.
    """
    found = []
    for part in wanted.split("+"):
        name, bracket, rest = part.strip().partition("[")
        slice_text = bracket + rest
        for split in find_splits(name, present, where):
            found.append(split + slice_text)
    return "+".join(found)


def in_split(
    wanted: str, names: Sequence[str], labels: np.ndarray, val_share: float, seed: int, where: str
) -> np.ndarray:
    """Which examples of an undivided set belong to `wanted`: "train", "validation" or "all".

    In each class the share `val_share` validates: those whose names hash lowest under `seed`. A
    file that is added later moves no more than a few others. At least one example of a class
    validates, and at least one trains: a class of one image is for training.

    Args:
      names: of the examples.
      labels: [N] int.

    Returns:
      [N] bool.

    Raises:
      Undivided: `wanted` is another split.
    """
    if wanted == ALL:
        return np.ones(len(labels), bool)
    try:
        part = find_split(wanted, ("train", "validation"), f"{where} (split by data.val_share)")
    except MissingSplit as error:
        raise Undivided(str(error)) from None
    ranks = np.array([_hash(f"{seed}/{name}") for name in names])
    validates = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = round(val_share * len(members))
        count = max(count, 1)
        # the second bound counts for a class of one image
        count = min(count, len(members) - 1)
        order = np.argsort(ranks[members])
        lowest = members[order[:count]]
        validates[lowest] = True
    if part == "validation":
        return validates
    return ~validates


def _hash(text: str) -> int:
    # a name that is not UTF-8 holds lone surrogates
    data = text.encode(errors="surrogateescape")
    digest = hashlib.blake2b(data, digest_size=7).digest()
    return int.from_bytes(digest)
