"""Work on many examples in threads, in order and without holding many at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
AHEAD = 64  # examples that are worked on before the first of them is taken


def map_rows(function: Callable[[int], T], rows: Sequence[int]) -> Iterator[T]:
    """function(row) for each row, in order."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), AHEAD):
            # `map` would begin all of what it is given at once
            ahead = rows[start : start + AHEAD]
            yield from pool.map(function, ahead)
