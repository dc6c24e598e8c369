"""Work on many examples in threads, in order and without holding many at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
AHEAD = 64  # examples that are worked on before the first of them is taken


def map_rows(function: Callable[[int], T], count: int) -> Iterator[T]:
    """function(0), function(1), ... up to `count`."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, count, AHEAD):
            yield from pool.map(function, range(start, min(start + AHEAD, count)))
