"""Spaces of settings: which values of which keys a sweep or a tuning protocol tries.

    grid({"lr": [0.1, 0.01], "wd": [0.0, 0.1]})         every combination
    zipped({"depth": [2, 4], "dim": [64, 32]})          first with first, second with second
    random({"lr": log(1e-4, 1e-1)}, 20, seed=0)         independent draws
    halton({"lr": log(1e-4, 1e-1)}, 20, seed=0)         quasi-random: fills the space evenly
    a + b                                               the points of a, then those of b
    a * b                                               every point of a with every point of b
    a.when({"name": "adan"}, b)                         b only for those points of a

A point is a dict of keys to values. The same arguments give the same points on every machine.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from effjax.errors import UserError

Point = dict[str, Any]
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
BITS = 32  # of a Halton number
BELOW_ONE = 1 - 2.0**-BITS


@dataclasses.dataclass(frozen=True)
class Range:
    """What a key may be.

    Attributes:
      at: a function from [0, 1) to values.
      text: the range in words.
    """

    at: Callable[[float], Any]
    text: str


def log(low: float, high: float) -> Range:
    """Numbers whose logarithm is uniform in [low, high].

    Raises:
      UserError: unless 0 < low <= high < infinity.
    """
    if not 0 < low <= high < math.inf:
        raise UserError(f"log({low}, {high}): expected 0 < low <= high, both finite")

    def at(u: float) -> float:
        return low * (high / low) ** u

    return Range(at, f"log {low:g} to {high:g}")


def linear(low: float, high: float) -> Range:
    """Numbers uniform in [low, high].

    Raises:
      UserError: unless both are finite and low <= high.
    """
    if not -math.inf < low <= high < math.inf:
        raise UserError(f"linear({low}, {high}): expected low <= high, both finite")

    def at(u: float) -> float:
        return low + (high - low) * u

    return Range(at, f"{low:g} to {high:g}")


def integers(low: int, high: int) -> Range:
    """Whole numbers from low to high, both included.

    Raises:
      UserError: unless low <= high.
    """
    if low > high:
        raise UserError(f"integers({low}, {high}): expected low <= high")

    def at(u: float) -> int:
        return low + int(u * (high - low + 1))

    return Range(at, f"whole {low} to {high}")


def choice(values: Sequence[Any]) -> Range:
    """One of some values.

    Raises:
      UserError: there are none.
    """
    values = tuple(values)
    if not values:
        raise UserError("choice([]): expected at least one value")

    def at(u: float) -> Any:
        return values[int(u * len(values))]

    return Range(at, f"one of {', '.join(map(str, values))}")


@dataclasses.dataclass(frozen=True)
class Space:
    """A finite list of points, in order, each once.

    Attributes:
      ranges: what the points were drawn from, where they were drawn: a search may choose others.
    """

    points: tuple[Point, ...]
    ranges: Mapping[str, Range] | None = None

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def __add__(self, other: "Space") -> "Space":
        return space([*self.points, *other.points])

    def __mul__(self, other: "Space") -> "Space":
        pairs = itertools.product(self.points, other.points)
        return space(_joined(a, b) for a, b in pairs)

    def when(self, condition: Mapping[str, Any], other: "Space") -> "Space":
        """Multiplies by `other` the points that hold all of `condition`; leaves the rest.

        Raises:
          UserError: no point holds it, most often a misspelt value.
        """
        points: list[Point] = []
        is_held = False
        for point in self.points:
            if _holds(point, condition):
                is_held = True
                points.extend(space([point]) * other)
            else:
                points.append(point)
        if not is_held:
            raise UserError(f"no point of the space has {dict(condition)}")
        return space(points)


def space(points: Iterable[Mapping[str, Any]]) -> Space:
    """A space of the given points; repeated ones are left out."""
    distinct: dict[str, Point] = {}  # in order of their first occurrence
    for point in points:
        # values need not be hashable, their text is
        text = repr(sorted(point.items()))
        distinct[text] = dict(point)
    return Space(tuple(distinct.values()))


def grid(values: Mapping[str, Sequence[Any]]) -> Space:
    """Every combination; the last key changes fastest."""
    _check_lists("grid", values)
    rows = itertools.product(*values.values())
    return _points_of(values, rows)


def zipped(values: Mapping[str, Sequence[Any]]) -> Space:
    """The first values of all keys together, then the second ones, and so on.

    Raises:
      UserError: lists of different lengths.
    """
    _check_lists("zipped", values)
    lengths = {len(column) for column in values.values()}
    if len(lengths) > 1:
        words = ", ".join(f"{key} has {len(column)}" for key, column in values.items())
        raise UserError(f"zipped: the lists differ in length: {words}")
    rows = zip(*values.values())
    return _points_of(values, rows)


def _points_of(keys: Iterable[str], rows: Iterable[Sequence[Any]]) -> Space:
    names = tuple(keys)
    return space(dict(zip(names, row)) for row in rows)


def random(ranges: Mapping[str, Range], count: int, seed: int = 0) -> Space:
    """`count` independent draws.

    Raises:
      UserError: `count` is below 1.
    """
    _check_count("random", count)
    rng = np.random.default_rng(seed)
    return _drawn(ranges, rng.random((count, len(ranges))))


def halton(ranges: Mapping[str, Range], count: int, seed: int = 0) -> Space:
    """`count` points of a Halton sequence with digits shuffled by `seed`.

    The first k of n points are the k points that a smaller count would give.

    Raises:
      UserError: more keys than there are bases, or `count` is below 1.
    """
    _check_count("halton", count)
    if len(ranges) > len(PRIMES):
        raise UserError(f"halton: {len(ranges)} keys, at most {len(PRIMES)} are possible")
    columns = []
    # the prime is part of the seed: two keys never share a shuffle
    for base in PRIMES[: len(ranges)]:
        columns.append(_radical_inverses(base, count, (seed, base)))
    return _drawn(ranges, zip(*columns))


def _radical_inverses(base: int, count: int, seed: tuple[int, int]) -> np.ndarray:
    """[count] in [0, 1): the digits of 1, 2, 3, ... after the point, one shuffle a digit."""
    rng = np.random.default_rng(seed)
    # The number of digits does not depend on `count`, so that fewer points are a prefix of more.
    digits = math.ceil(BITS / math.log2(base))
    numbers = np.arange(1, count + 1)
    values = np.zeros(count)
    scale = 1.0
    for _ in range(digits):
        shuffle = rng.permutation(base)
        scale /= base
        values += scale * shuffle[numbers % base]
        numbers = numbers // base
    # rounding may give 1, for which no range is defined
    return np.minimum(values, BELOW_ONE)


def _drawn(ranges: Mapping[str, Range], rows: Iterable[Sequence[float]]) -> Space:
    points = space(point_at(ranges, row) for row in rows)
    return dataclasses.replace(points, ranges=dict(ranges))


def point_at(ranges: Mapping[str, Range], row: Sequence[float]) -> Point:
    """The point whose keys are at `row`, a number in [0, 1) for each range."""
    point = {}
    for (key, allowed), u in zip(ranges.items(), row):
        point[key] = allowed.at(float(u))
    return point


def _holds(point: Point, condition: Mapping[str, Any]) -> bool:
    return all(point.get(key) == value for key, value in condition.items())


def _joined(a: Point, b: Point) -> Point:
    both = sorted(set(a) & set(b))
    if both:
        raise UserError(f"both factors of a product set {both[0]!r}")
    return a | b


def _check_lists(what: str, values: Mapping[str, Sequence[Any]]) -> None:
    for key, column in values.items():
        # text is a sequence too, of letters, and never meant as one here
        if isinstance(column, str) or not isinstance(column, Sequence):
            raise UserError(f"{what}: {key!r} needs a list of values, got {column!r}")


def _check_count(what: str, count: int) -> None:
    if count < 1:
        raise UserError(f"{what}: {count} points; give 1 or more")
