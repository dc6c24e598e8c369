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


@dataclasses.dataclass(frozen=True)
class Range:
    """What a key may be: a function from [0, 1) to values, and what to call it."""

    at: Callable[[float], Any]
    text: str


def log(low: float, high: float) -> Range:
    """Numbers whose logarithm is uniform in [low, high]."""
    if not 0 < low <= high:
        raise UserError(f"log({low}, {high}): expected 0 < low <= high")
    return Range(lambda u: low * (high / low) ** u, f"log {low:g} to {high:g}")


def linear(low: float, high: float) -> Range:
    """Numbers uniform in [low, high]."""
    return Range(lambda u: low + (high - low) * u, f"{low:g} to {high:g}")


def integers(low: int, high: int) -> Range:
    """Whole numbers from low to high, both included."""
    return Range(lambda u: low + int(u * (high - low + 1)), f"whole {low} to {high}")


def choice(values: Sequence[Any]) -> Range:
    """One of some values."""
    values = tuple(values)
    return Range(lambda u: values[int(u * len(values))], f"one of {', '.join(map(str, values))}")


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
        return space((*self.points, *other.points))

    def __mul__(self, other: "Space") -> "Space":
        return space(_joined(a, b) for a in self.points for b in other.points)

    def when(self, condition: Mapping[str, Any], other: "Space") -> "Space":
        """Multiplies by `other` the points that hold all of `condition`; leaves the rest.

        Raises:
          UserError: no point holds it, most often a misspelt value.
        """
        held = [all(p.get(k) == v for k, v in condition.items()) for p in self.points]
        if not any(held):
            raise UserError(f"no point of the space has {dict(condition)}")
        parts = [space([p]) * other if yes else space([p]) for p, yes in zip(self.points, held)]
        return space(itertools.chain.from_iterable(parts))


def space(points: Any) -> Space:
    """A space of the given points; repeated ones are left out."""
    distinct = {repr(sorted(point.items())): dict(point) for point in points}
    return Space(tuple(distinct.values()))


def grid(values: Mapping[str, Sequence[Any]]) -> Space:
    """Every combination; the last key changes fastest."""
    _check_lists("grid", values)
    return space(dict(zip(values, chosen)) for chosen in itertools.product(*values.values()))


def zipped(values: Mapping[str, Sequence[Any]]) -> Space:
    """The first values of all keys together, then the second ones, and so on.

    Raises:
      UserError: lists of different lengths.
    """
    _check_lists("zipped", values)
    lengths = {key: len(column) for key, column in values.items()}
    if len(set(lengths.values())) > 1:
        words = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise UserError(f"zipped: the lists differ in length: {words}")
    return space(dict(zip(values, chosen)) for chosen in zip(*values.values()))


def random(ranges: Mapping[str, Range], count: int, seed: int = 0) -> Space:
    """`count` independent draws."""
    draws = np.random.default_rng(seed).random((count, len(ranges)))
    return _drawn(ranges, draws)


def halton(ranges: Mapping[str, Range], count: int, seed: int = 0) -> Space:
    """`count` points of a Halton sequence with digits shuffled by `seed`.

    The first k of n points are the k points that a smaller count would give.

    Raises:
      UserError: more keys than there are bases.
    """
    if len(ranges) > len(PRIMES):
        raise UserError(f"halton: {len(ranges)} keys, at most {len(PRIMES)} are possible")
    columns = [_radical_inverses(b, count, (seed, b)) for b, _ in zip(PRIMES, ranges)]
    return _drawn(ranges, zip(*columns))


def _radical_inverses(base: int, count: int, seed: tuple[int, int]) -> np.ndarray:
    """[count] in [0, 1): the digits of 1, 2, 3, ... behind the point, one shuffle a digit."""
    rng = np.random.default_rng(seed)
    places = math.ceil(32 / math.log2(base))  # enough for any count, so that a prefix is a prefix
    numbers, values, scale = np.arange(1, count + 1), np.zeros(count), 1.0
    for _ in range(places):
        shuffle = rng.permutation(base)
        scale /= base
        values += scale * shuffle[numbers % base]
        numbers = numbers // base
    return np.minimum(values, 1 - 2**-32)


def _drawn(ranges: Mapping[str, Range], rows: Iterable[Sequence[float]]) -> Space:
    points = space(point_at(ranges, row) for row in rows)
    return dataclasses.replace(points, ranges=dict(ranges))


def point_at(ranges: Mapping[str, Range], row: Sequence[float]) -> Point:
    """The point whose keys are at `row`, a number in [0, 1) for each range."""
    return {key: r.at(float(u)) for (key, r), u in zip(ranges.items(), row)}


def _joined(a: Point, b: Point) -> Point:
    both = sorted(set(a) & set(b))
    if both:
        raise UserError(f"both factors of a product set {both[0]!r}")
    return a | b


def _check_lists(what: str, values: Mapping[str, Sequence[Any]]) -> None:
    for key, column in values.items():
        if isinstance(column, str) or not isinstance(column, Sequence):
            raise UserError(f"{what}: {key!r} needs a list of values, got {column!r}")
