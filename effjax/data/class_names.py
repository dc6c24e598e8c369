"""Classes are matched by name wherever the labels of a data set meet a trained network.

Label numbers of two data sets say nothing: a folder that lacks a class, or has one more, numbers
all that follow differently.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from effjax.errors import UserError, printable

UNKNOWN = -1
NAMED = 6  # classes that a message names
IMAGENET_CLASSES = 1000
UNNAMED = re.compile(r"class[ _]?(\d+)", re.IGNORECASE)  # what a network without names is given


class ClassMatch(NamedTuple):
    """How the classes of a data set (theirs) correspond to those of a network (ours).

    Attributes:
      mapping: int32 [number of their classes]: their label -> our label, UNKNOWN where there is
        none. `mapping[labels]` translates an array of labels.
      missing: our classes that they do not have.
      unknown: their classes that we do not have.
      by: what was compared. "order" is a guess: our classes have no names.
    """

    mapping: np.ndarray
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    by: Literal["name", "number", "imagenet", "order"]


def match_classes(theirs: Sequence[str], ours: Sequence[str]) -> ClassMatch:
    """Matches the classes of a data set (theirs) with those of a network (ours).

    Names are the same if they differ in capitals, in Unicode normal form, or in spaces,
    underscores and hyphens only. Otherwise names that are numbers count as numbers ("7" is "007"
    and the network's "class 7"). ImageNet's synsets (n01440764, ...) and English names ("tench")
    match a network with ImageNet's 1,000 classes, whatever that calls them.
    """
    # the first comparison that finds anything decides, the surest first
    comparisons = {
        "imagenet": _by_imagenet,
        "name": _by_name,
        "number": _by_number,
    }
    for by, find in comparisons.items():
        found = find(theirs, ours)
        if set(found) - {UNKNOWN}:
            return _matched(found, theirs, ours, by)
    our_labels = list(range(len(ours)))
    are_unnamed = _numbers(ours) == our_labels
    if are_unnamed and len(theirs) == len(ours):
        return _matched(our_labels, theirs, ours, "order")
    nothing = [UNKNOWN] * len(theirs)
    return _matched(nothing, theirs, ours, "name")


def require_known(match: ClassMatch, data: str, network: str) -> None:
    """Refuses a data set with classes that the network does not have.

    Args:
      data, network: what to call them in the message.

    Raises:
      UserError: there are unknown classes; the message names them.
    """
    if match.unknown:
        raise UserError(
            f"{data} has classes that {network} does not know: {name_some(match.unknown)}\n"
            "rename or remove them, or leave them out with --ignore-unknown"
        )


def name_some(names: Sequence[str]) -> str:
    """The first few names, safe to print, and how many more there are."""
    safe = map(printable, names[:NAMED])
    listed = ", ".join(safe)
    more = len(names) - NAMED
    if more > 0:
        return f"{listed} and {more} more"
    return listed


def normal_name(name: str) -> str:
    """A name without the differences that do not count."""
    # a letter with an accent may be one code point or two
    composed = unicodedata.normalize("NFC", name)
    words = re.split(r"[\s_-]+", composed.strip())
    return " ".join(words).casefold()


def _matched(
    found: Sequence[int], theirs: Sequence[str], ours: Sequence[str], by: str
) -> ClassMatch:
    mapping = np.array(found, np.int32).reshape(-1)
    used = set(mapping.tolist())
    missing = []
    for label, name in enumerate(ours):
        if label not in used:
            missing.append(name)
    unknown = []
    for name, label in zip(theirs, mapping):
        if label == UNKNOWN:
            unknown.append(name)
    return ClassMatch(mapping, tuple(missing), tuple(unknown), by)


def _by_name(theirs: Sequence[str], ours: Sequence[str]) -> list[int]:
    """Their labels -> ours where the names are the same."""
    exact: dict[str, int] = {}
    loose: dict[str, list[int]] = {}
    for label, name in enumerate(ours):
        exact[name] = label
        normal = normal_name(name)
        loose.setdefault(normal, []).append(label)
    their_normal = [normal_name(name) for name in theirs]
    found = []
    for name, normal in zip(theirs, their_normal):
        candidates = loose.get(normal, [])
        # two names that differ in capitals only are two classes: such a pair matches exactly or not
        is_ours_alone = len(candidates) == 1
        is_theirs_alone = their_normal.count(normal) == 1
        if name in exact:
            found.append(exact[name])
        elif is_ours_alone and is_theirs_alone:
            found.append(candidates[0])
        else:
            found.append(UNKNOWN)
    return found


def _by_number(theirs: Sequence[str], ours: Sequence[str]) -> list[int]:
    """Their labels -> ours where their names are numbers; none if one is not."""
    numbers = _numbers(theirs)
    if numbers is None:
        return []
    our_numbers = _numbers(ours)
    if our_numbers is None:  # arrays have no names: their numbers are our labels
        our_numbers = list(range(len(ours)))
    label_of = {number: label for label, number in enumerate(our_numbers)}
    return [label_of.get(number, UNKNOWN) for number in numbers]


def _by_imagenet(theirs: Sequence[str], ours: Sequence[str]) -> list[int]:
    """Their labels -> ours by name, else by ImageNet's synsets and English names.

    None at all if we are not ImageNet.
    """
    if not _is_imagenet(ours):
        return []
    written = _imagenet_as_written()
    loose = _imagenet_loosely()
    found = _by_name(theirs, ours)
    for their_label, name in enumerate(theirs):
        if found[their_label] == UNKNOWN:
            # as it is written first: "cardigan" is knitted, "Cardigan" may be a dog too
            lesser = loose.get(normal_name(name), UNKNOWN)
            found[their_label] = written.get(name, lesser)
    return found


def _numbers(names: Sequence[str]) -> list[int] | None:
    """The numbers that all names are, or None."""
    found = []
    for name in names:
        digits = UNNAMED.sub(r"\1", name.strip())
        # `isdigit` alone takes superscripts too, and `int` does not
        is_number = digits.isascii() and digits.isdigit()
        if not is_number:
            return None
        found.append(digits)
    return [int(digits) for digits in found]


def _is_imagenet(names: Sequence[str]) -> bool:
    """Whether a network's classes are ImageNet's 1,000, in their usual order."""
    if len(names) != IMAGENET_CLASSES:
        return False
    if _numbers(names) is not None:
        return True
    first = normal_name(names[0])
    last = normal_name(names[-1])
    return first.startswith(("tench", "n01440764")) and last.startswith(("toilet", "n15075141"))


@functools.cache
def imagenet_synsets() -> tuple[str, ...]:
    """ImageNet's 1,000 synsets by label. The file comes with TFDS."""
    import tensorflow_datasets as tfds

    path = tfds.core.tfds_path("datasets/imagenet2012/labels.txt")
    return tuple(path.read_text().split())


@functools.cache
def imagenet_names() -> tuple[str, ...]:
    """English names of ImageNet's 1,000 classes by label, such as "tench, Tinca tinca".

    Several names of a class are separated by commas. The list comes with TFDS.
    """
    from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST

    return tuple(IMAGENET_LABELS_LIST)


def _imagenet_as_written() -> dict[str, int]:
    """{synset, or all English names of a class: its label}."""
    label_of: dict[str, int] = {}
    for names in (imagenet_synsets(), imagenet_names()):
        label_of |= {name: label for label, name in enumerate(names)}
    return label_of


@functools.cache
def _imagenet_loosely() -> dict[str, int]:
    """{one English name, as `normal_name` gives it: label} where it says which class."""
    first_names: dict[str, set[int]] = {}
    other_names: dict[str, set[int]] = {}
    for label, text in enumerate(imagenet_names()):
        first, *others = text.split(",")
        first_names.setdefault(normal_name(first), set()).add(label)
        for name in others:
            other_names.setdefault(normal_name(name), set()).add(label)
    # "partridge" comes first of one class, and is a lesser name of another
    labels_of = other_names | first_names
    # "maillot" comes first of two classes
    return {name: labels.pop() for name, labels in labels_of.items() if len(labels) == 1}
