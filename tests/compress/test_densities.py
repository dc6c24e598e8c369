"""How many weights each layer keeps."""

import numpy as np
import pytest

from effjax.compress.densities import erk, uniform
from effjax.errors import UserError

SHAPES = {"a": (3, 3, 4, 8), "b": (3, 3, 8, 16), "c": (16, 10)}


def test_erk_keeps_the_density_of_all():
    densities = erk(SHAPES, 0.2)
    kept = sum(densities[name] * np.prod(shape) for name, shape in SHAPES.items())
    assert kept == pytest.approx(0.2 * sum(np.prod(shape) for shape in SHAPES.values()))
    assert densities["c"] > densities["a"] > densities["b"]


def test_a_layer_that_would_exceed_one_is_dense():
    densities = erk(SHAPES, 0.6)
    assert densities["c"] == 1.0
    assert max(densities.values()) == 1.0


def test_uniform_is_the_same_everywhere():
    assert set(uniform(SHAPES, 0.3).values()) == {0.3}


def test_dense_layers_that_are_too_large_are_refused():
    with pytest.raises(UserError, match="larger density"):
        erk({"a": (100, 100), "b": (2, 2)}, 0.1, dense=("a",))
