"""How thoroughly to look, and what a measure gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Settings:
    """How thoroughly to look; the defaults are a first look.

    Attributes:
      examples: training examples over which losses and curvature are taken.
      steps: of Lanczos' iteration.
      draws: of a trace and of a density.
      batches: minibatches whose gradients are looked at.
      updates: of each of the two trainings of `stability`.
      points: of a slice, along each direction.
      seed: of all that is drawn.
    """

    examples: int = 128
    steps: int = 8
    draws: int = 2
    batches: int = 32
    updates: int = 100
    points: int = 11
    seed: int = 0


# what numbers for a paper want: about six times the work of a first look
FULL = Settings(examples=500, steps=20, draws=4, batches=100, points=21)


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


Passes = Callable[[Any, Settings], int]  # (subject, settings) -> passes over the examples


@dataclass(frozen=True)
class Entry:
    """What is known of a measure.

    Attributes:
      line: what it measures, in one line.
      look: the measure itself.
      passes: how often it goes through the examples, for the time left.
    """

    line: str
    look: Measure
    passes: Passes


MEASURES: dict[str, Entry] = {}  # by name


def measure(name: str, line: str, passes: Passes) -> Callable[[Measure], Measure]:
    """Makes a function known as `--what=name`; see `Entry`."""

    def register(look: Measure) -> Measure:
        MEASURES[name] = Entry(line, look, passes)
        return look

    return register
