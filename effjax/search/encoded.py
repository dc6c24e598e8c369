"""Points as codes: each encoding is made once, and each point encoded once.

Shapes: n points, D entries of a code.
"""

from collections.abc import Sequence

import numpy as np

from effjax.search.registry import Codes, find_encoding
from effjax.search.space import Point, Space


class EncodedPoints:
    """The codes of the points of a space, as they are asked for.

    Args:
      seed: of encodings that learn.
    """

    def __init__(self, space: Space, seed: int):
        self.space = space
        self.seed = seed
        self._encodings: dict[str, Codes] = {}
        self._known: dict[tuple[str, Point], np.ndarray] = {}

    def __call__(
        self,
        points: Sequence[Point],
        encoding: str = "one_hot",
    ) -> np.ndarray:
        """Codes [n, D]; an encoding that learns does so at the first call."""
        unknown = [point for point in points if (encoding, point) not in self._known]
        if unknown:
            codes = self._encode(encoding, unknown)
            for point, code in zip(unknown, codes):
                self._known[encoding, point] = np.asarray(code, np.float64)
        return np.stack([self._known[encoding, point] for point in points])

    def _encode(
        self,
        encoding: str,
        points: Sequence[Point],
    ) -> np.ndarray:
        if encoding not in self._encodings:
            # of its own, so that strategies draw the same with any encoding
            rng = np.random.default_rng((self.seed, 1))
            make = find_encoding(encoding)
            self._encodings[encoding] = make(self.space, rng)
        return self._encodings[encoding](points)
