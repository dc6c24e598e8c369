import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.mixers import Pooling

X = np.arange(9.0, dtype=np.float32).reshape(1, 3, 3, 1)


def test_the_mean_of_the_neighbours_that_there_are_minus_the_token():
    y = Pooling(3).apply({}, X, False, None)
    assert y[0, 1, 1, 0] == 0  # the mean of all nine is the middle one
    assert y[0, 0, 0, 0] == (0 + 1 + 3 + 4) / 4


def test_windows_are_square():
    with pytest.raises(UserError, match="pooling windows are square"):
        Pooling((3, 5)).apply({}, X, False, None)
