"""A part of a set of examples that a split's text names: "train[:10%]", "train[:20%]+train[40%:]".

Where TFDS does not slice by itself, the examples of each class are put in a seeded order, and a
slice takes its share of every class. Slices of one split that do not overlap are disjoint, all of
them together are the whole, and "train[:10%]" is a part of "train[:20%]".

Shapes: N examples, n of them.
"""

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from effjax.data.sources.examples import Chosen, Example, Examples
from effjax.errors import UserError, printable

TERM = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<start>[^:\[\]]*):(?P<stop>[^:\[\]]*)\])?")
BOUND = re.compile(r"(-?)(\d+(?:\.\d+)?)(%?)")
Open = Callable[[str], Examples]  # name of a split -> its examples


@dataclasses.dataclass(frozen=True)
class Term:
    """One term of a split's text.

    Attributes:
      name: of the split.
      start, stop: bounds as they are written, "10%", "-500" or "".
    """

    name: str
    start: str
    stop: str

    @property
    def is_whole(self) -> bool:
        return not self.start and not self.stop

    def rows(self, order: np.ndarray) -> np.ndarray:
        """Those of `order` [N] that lie between the bounds."""
        first = _place(self.start, len(order), default=0)
        last = _place(self.stop, len(order), default=len(order))
        return order[first:last]


def names_part(split: str) -> bool:
    """Whether a split's text is more than a name."""
    return "[" in split or "+" in split


def parse_split(split: str) -> list[Term]:
    """The terms of a split's text.

    Raises:
      UserError: it cannot be read.
    """
    terms = []
    for text in split.split("+"):
        found = TERM.fullmatch(text.strip())
        bounds = [] if found is None else [found["start"] or "", found["stop"] or ""]
        if found is None or not all(_is_bound(bound) for bound in bounds):
            raise UserError(
                f"split {split!r}: {text.strip()!r} cannot be read\n"
                "expected a name, or a part such as train[:10%], train[100:] or train[20%:40%]"
            )
        terms.append(Term(found["name"].strip(), *bounds))
    return terms


def open_part(split: str, open_split: Open, seed: int) -> Examples:
    """The examples that a split's text names, in the order of the set.

    Args:
      open_split: opens a split by its name.
      seed: of the order inside the classes.

    Raises:
      UserError: the text cannot be read, there is no such split, no example is in the part, or one
        is named twice.
    """
    terms = parse_split(split)
    parts = []
    for name in dict.fromkeys(term.name for term in terms):
        examples = open_split(name)
        order = stratified_order(examples, seed)
        own = [term for term in terms if term.name == name]
        rows = np.concatenate([term.rows(order) for term in own])
        if len(np.unique(rows)) < len(rows):
            raise UserError(f"split {split!r} names some examples twice; give parts that are apart")
        parts.append(Chosen(examples, np.sort(rows)))
    part = parts[0] if len(parts) == 1 else Joined(parts)
    if not len(part):
        raise UserError(f"split {split!r} holds no examples; its splits have {_sizes(parts)}")
    return part


def stratified_order(examples: Examples, seed: int) -> np.ndarray:
    """An order [N] of the rows whose every stretch holds the classes in their shares."""
    labels = np.asarray(examples.labels())
    keys = examples.keys()
    names = keys if len(keys) else range(len(labels))
    ranks = np.array([_hash(f"{seed}/{name}") for name in names])
    place = np.zeros(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shuffled = members[np.argsort(ranks[members], kind="stable")]
        # evenly spaced over the whole, and not at the same places for all classes
        offset = _hash(f"{seed}/class {label}") / 2**56
        place[shuffled] = (np.arange(len(members)) + offset) / len(members)
    return np.argsort(place, kind="stable")


class Joined:
    """Several sources of the same classes, one after another; a source of examples.

    Raises:
      UserError: they have other classes.
    """

    def __init__(self, parts: Sequence[Examples]):
        self.class_names = parts[0].class_names
        self.table = getattr(parts[0], "table", None)
        for part in parts:
            if part.class_names != self.class_names:
                raise UserError("splits of different classes cannot be joined")
        self._parts = parts
        lengths = [len(part) for part in parts]
        self._ends = np.cumsum(lengths)
        self._starts = self._ends - lengths

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _find(self, row: int) -> tuple[Examples, int]:
        number = int(np.searchsorted(self._ends, row, side="right"))
        return self._parts[number], row - int(self._starts[number])

    def __getitem__(self, row: int) -> Example:
        part, inside = self._find(row)
        return part[inside]

    def name(self, row: int) -> str:
        part, inside = self._find(row)
        return part.name(inside)

    def labels(self) -> np.ndarray:
        return np.concatenate([np.asarray(part.labels()) for part in self._parts])

    def keys(self) -> Sequence[str]:
        found: list[str] = []
        for number, part in enumerate(self._parts):
            # one name may be in several splits
            own = part.keys()
            found += [f"{number}/{key}" for key in own]
        return found if len(found) == len(self) else ()

    def stamps(self) -> Sequence[str]:
        found: list[str] = []
        for part in self._parts:
            found += part.stamps()
        return found


def _is_bound(text: str) -> bool:
    if not text:
        return True
    found = BOUND.fullmatch(text.strip())
    if found is None:
        return False
    is_percent = bool(found[3])
    return float(found[2]) <= 100 if is_percent else "." not in found[2]


def _place(text: str, count: int, default: int) -> int:
    """Where a bound lies in `count` examples, 0 to `count`."""
    if not text:
        return default
    minus, number, percent = BOUND.fullmatch(text.strip()).groups()
    value = round(count * float(number) / 100) if percent else int(number)
    if minus:
        value = count - value
    return min(max(value, 0), count)


def _sizes(parts: Sequence[Chosen]) -> str:
    sizes = [f"{len(part.examples)}" for part in parts]
    return printable(" and ".join(sizes))


def _hash(text: str) -> int:
    # a name that is not UTF-8 holds lone surrogates
    data = text.encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=7).digest())
