"""Codes are those of the space, or of an encoding that is made once."""

import numpy as np

from effjax.search import registry
from effjax.search.encoded import EncodedPoints


def test_the_code_of_the_space(space):
    codes = EncodedPoints(space, seed=0)([(0, 0, 0, 0), (1, 0, 0, 1)])
    assert codes.shape == (2, 9)
    assert np.array_equal(codes[1], space.encode((1, 0, 0, 1)))


def test_an_encoding_and_a_point_are_encoded_once(space, monkeypatch):
    made = []

    def sums(space, rng):
        scale = rng.random()

        def codes(points):
            made.extend(points)
            return np.array([[scale * sum(point)] for point in points])

        return codes

    monkeypatch.setitem(registry.ENCODINGS.entries, "sums", sums)
    encoded = EncodedPoints(space, seed=3)
    first = encoded([(1, 0, 0, 0)], "sums")
    both = encoded([(1, 0, 0, 0), (2, 0, 0, 1)], "sums")
    assert np.array_equal(both, first * [[1.0], [3.0]])
    assert made == [(1, 0, 0, 0), (2, 0, 0, 1)]
    # another search with the same seed has the same codes
    assert np.array_equal(EncodedPoints(space, seed=3)([(1, 0, 0, 0)], "sums"), first)
