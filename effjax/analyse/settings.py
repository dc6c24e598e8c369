"""How thoroughly to look, and what a measure gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Settings:
    """How thoroughly to look.

    Attributes:
      examples: training examples over which losses and curvature are taken.
      steps: of Lanczos' iteration.
      draws: of a trace and of a density.
      batches: minibatches whose gradients are looked at.
      updates: of each of the two trainings of `stability`.
      points: of a slice, along each direction.
      seed: of all that is drawn.
    """

    examples: int = 500
    steps: int = 20
    draws: int = 4
    batches: int = 100
    updates: int = 100
    points: int = 21
    seed: int = 0


@dataclass
class Found:
    """What a measure found in one run.

    Attributes:
      values: {name: number}, the rows of the table.
      curves: {name: lists}, for the pictures and analysis.json.
    """

    values: dict[str, float]
    curves: dict[str, Any] = field(default_factory=dict)


class Measure(Protocol):
    """Looks at one run."""

    def __call__(self, subject: Any, settings: Settings) -> Found: ...


MEASURES: dict[str, tuple[str, Measure]] = {}  # name -> (one line, measure)


def measure(name: str, line: str) -> Callable[[Measure], Measure]:
    """Makes a function known as `--what=name`."""

    def register(function: Measure) -> Measure:
        MEASURES[name] = (line, function)
        return function

    return register
