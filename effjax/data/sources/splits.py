"""Splits: the names people give them, and a seeded stratified one where there is none."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from effjax.errors import UserError, nearest

SAME = (("train", "training"), ("validation", "val", "valid", "dev"), ("test", "testing"))


class MissingSplit(UserError):
    """The data set has no split of that name."""


def is_split(name: str) -> bool:
    """Whether a folder or array of this name is a split."""
    return any(name in names for names in SAME)


def find_split(wanted: str, present: Iterable[str], where: str) -> str:
    """The name in `present` that means `wanted`: itself or a usual other name ("val").

    Raises:
      MissingSplit: there is none.
    """
    present = sorted(present)
    others = next((names for names in SAME if wanted in names), ())
    for name in (wanted, *others):
        if name in present:
            return name
    raise MissingSplit(
        f"split {wanted!r} is not in {where}; {nearest(wanted, present)}\n"
        "set data.train_split and data.val_split"
    )


def find_split_expression(wanted: str, present: Iterable[str], where: str) -> str:
    """`find_split` for each name in a TFDS split such as "train[:90%]+val".

    Raises:
      MissingSplit: there is none.
    """
    parts = [part.strip().partition("[") for part in wanted.split("+")]
    return "+".join(find_split(name, present, where) + bar + rest for name, bar, rest in parts)


def in_split(
    wanted: str, names: Sequence[str], labels: np.ndarray, val_share: float, seed: int, where: str
) -> np.ndarray:
    """Which examples of an undivided set belong to `wanted`, "train" or "validation".

    In each class the share `val_share`, at least one example, validates: those whose names hash
    lowest under `seed`. A file that is added later moves no more than a few others.

    Args:
      names: of the examples.
      labels: [N] int.

    Returns:
      [N] bool.
    """
    part = find_split(wanted, ("train", "validation"), f"{where} (split by data.val_share)")
    place = np.array([_hash(f"{seed}/{name}") for name in names])
    validates = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(val_share * len(members)))
        validates[members[np.argsort(place[members])[:count]]] = True
    return validates if part == "validation" else ~validates


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())
