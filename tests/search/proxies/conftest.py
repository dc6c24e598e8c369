"""64-bit floats for all tests of scores: oracles are exact."""

import jax
import pytest


@pytest.fixture(autouse=True)
def wide_floats():
    with jax.enable_x64(True):
        yield
