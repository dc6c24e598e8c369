"""The strategies of a search and the encodings of points, each with a line of text.

@STRATEGIES.register("random", "points drawn evenly, the best of them")
def random_search(problem: Problem, *, option: int = 1) -> Chosen | Point | None: ...

@ENCODINGS.register("one_hot", "which option each choice has")
def one_hot(space: Space, rng: np.random.Generator) -> Codes: ...

A strategy's options are its keyword-only arguments. It returns the point that it chooses; None
stands for the best that was evaluated.
"""

import dataclasses
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from effjax.registry import Registry
from effjax.search.space import Point, Space

# points -> codes [n, D]
Codes = Callable[[Sequence[Point]], np.ndarray]

STRATEGIES: Registry[Callable[..., Any]] = Registry(
    "strategy", "--strategy=package.module:function"
)
ENCODINGS: Registry[Callable[..., Codes]] = Registry("encoding", "encoding=package.module:function")


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What a strategy returns that knows more than a point.

    Attributes:
      point: the choice.
      variables: weights of that network, if the strategy has shared ones.
      front: points of which none is better in everything, the cheapest first.
      notes: JSON data for search.json.
    """

    point: Point
    variables: Any = None
    front: Sequence[Point] = ()
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@ENCODINGS.register("one_hot", "which option each choice has")
def one_hot(
    space: Space,
    rng: np.random.Generator,
) -> Codes:
    """The code of the space itself; nothing is learned."""
    del rng
    return lambda points: np.stack([space.encode(point) for point in points])


def find_strategy(name: str) -> Callable[..., Any]:
    """The strategy of a registered name, or of "package.module:function"; raises UserError."""
    import_all("effjax.search.strategies")
    return STRATEGIES.find(name)


def find_encoding(name: str) -> Callable[..., Codes]:
    """The encoding of a registered name, or of "package.module:function"; raises UserError."""
    import_all("effjax.search.encodings")
    return ENCODINGS.find(name)


def list_strategies() -> dict[str, str]:
    """{name: one line} of all strategies."""
    import_all("effjax.search.strategies")
    return STRATEGIES.lines()


def import_all(room: str) -> None:
    """Imports every module of a package, so that what it registers is known."""
    if importlib.util.find_spec(room) is None:
        return
    package = importlib.import_module(room)
    for module in pkgutil.iter_modules(package.__path__, f"{room}."):
        importlib.import_module(module.name)
