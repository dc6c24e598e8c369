"""Images on which sums of neighbours round in unlike ways: draw(rng, shape), uint8."""

import numpy as np


def noise(rng, shape):
    return rng.integers(0, 256, shape, np.uint8)


def black_and_white(rng, shape):
    return np.uint8(255) * rng.integers(0, 2, shape, np.uint8)


def one_value(rng, shape):
    return np.full(shape, 200, np.uint8)


def nearly_equal(rng, shape):
    return rng.integers(100, 103, shape, np.uint8)
