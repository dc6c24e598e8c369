"""Points of a space: tuples of indices, and how one goes from one to another.

Shapes: D entries of a code.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from effjax.errors import UserError
from effjax.search.choices import Choice

Point = tuple[int, ...]
TRIES = 1000  # draws for a point that is an architecture


class Space:
    """Points are tuples of indices, one for each choice. A subclass says what they stand for.

    Attributes:
      choices: what is decided, in order.
    """

    def __init__(self, choices: Sequence[Choice]):
        if not choices:
            raise UserError("a space without choices has nothing to search; give a Choice or more")
        self.choices = tuple(choices)

    # ------------------------------------------------------------------ what a subclass says

    def decode(self, point: Point) -> Any:
        """The architecture of a point; raises UserError where its fields contradict."""
        raise NotImplementedError

    def is_idle(self, point: Point) -> tuple[bool, ...]:
        """For each choice whether it makes no difference here."""
        return (False,) * len(point)

    def canonical(self, point: Point) -> Point:
        """The one point that stands for all those with the same architecture."""
        idle = self.is_idle(point)
        return tuple(0 if unused else index for index, unused in zip(point, idle))

    # ---------------------------------------------------------------------- what follows

    @property
    def size(self) -> int:
        """The number of points; several may be one architecture."""
        return math.prod(len(choice.options) for choice in self.choices)

    @property
    def names(self) -> tuple[str, ...]:
        """The paths of the choices."""
        return tuple(choice.path for choice in self.choices)

    def options(self, point: Point) -> dict[str, Any]:
        """{path: option} of a point."""
        chosen = {}
        for choice, index in zip(self.choices, point):
            chosen[choice.path] = choice.options[index]
        return chosen

    def check(self, point: Sequence[int]) -> Point:
        """A point as a tuple of ints; raises UserError where it belongs to no such space."""
        fits = len(point) == len(self.choices)
        if fits:
            pairs = zip(point, self.choices)
            fits = all(0 <= index < len(choice.options) for index, choice in pairs)
        if not fits:
            raise UserError(
                f"{tuple(point)} is no point of this space: it has {len(self.choices)} choices of "
                f"{', '.join(str(len(choice.options)) for choice in self.choices)} options"
            )
        return tuple(int(index) for index in point)

    def is_valid(self, point: Point) -> bool:
        """Whether an architecture can be made of a point."""
        try:
            self.decode(point)
        except UserError:
            return False
        return True

    def points(self) -> Iterator[Point]:
        """All architectures, each once."""
        for point in itertools.product(*(range(len(choice.options)) for choice in self.choices)):
            if self.canonical(point) == point and self.is_valid(point):
                yield point

    def sample(self, rng: np.random.Generator) -> Point:
        """A point whose options are drawn evenly.

        Raises:
          UserError: hardly any combination of options makes an architecture.
        """
        for _ in range(TRIES):
            drawn = tuple(int(rng.integers(len(choice.options))) for choice in self.choices)
            if self.is_valid(drawn):
                return self.canonical(drawn)
        raise UserError(f"none of {TRIES} points of this space can be built: {self._first_error()}")

    def neighbours(self, point: Point) -> list[Point]:
        """The architectures that are one other option away, each once."""
        idle = self.is_idle(point)
        found: dict[Point, None] = {}
        for place, choice in enumerate(self.choices):
            if idle[place]:
                continue
            for index in range(len(choice.options)):
                changed = self.canonical((*point[:place], index, *point[place + 1 :]))
                if changed != point and self.is_valid(changed):
                    found[changed] = None
        return list(found)

    def mutate(
        self,
        point: Point,
        rng: np.random.Generator,
        count: int = 1,
    ) -> Point:
        """`count` steps to a random neighbour; of one without neighbours, the point itself."""
        for _ in range(count):
            around = self.neighbours(point)
            if around:
                point = around[int(rng.integers(len(around)))]
        return point

    def crossover(
        self,
        first: Point,
        second: Point,
        rng: np.random.Generator,
    ) -> Point:
        """Each option from one of two parents; the first parent where that is no architecture."""
        from_second = rng.random(len(first)) < 0.5
        child = tuple(int(b) if take else int(a) for a, b, take in zip(first, second, from_second))
        return self.canonical(child) if self.is_valid(child) else first

    def encode(self, point: Point) -> np.ndarray:
        """[D]: a one-hot code of each choice, zeros where it makes no difference."""
        idle = self.is_idle(point)
        parts = []
        for choice, index, unused in zip(self.choices, point, idle):
            part = np.zeros(len(choice.options))
            if not unused:
                part[index] = 1.0
            parts.append(part)
        return np.concatenate(parts)

    def _first_error(self) -> str:
        try:
            self.decode((0,) * len(self.choices))
        except UserError as error:
            return str(error).splitlines()[0]
        return "the first one can"
