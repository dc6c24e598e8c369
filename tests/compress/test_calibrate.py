"""Limits of what layers take."""

import jax
import numpy as np
import pytest
from flax import traverse_util

from effjax.compress.calibrate import calibrate
from tests.compress.quantised import small_network

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


def test_limits_are_the_largest_of_all_batches():
    model, variables, images = small_network()
    other = 3 * images[:2]
    limits = calibrate(model, variables, [images, other])
    flat = traverse_util.flatten_dict(limits, sep="/")
    assert len(flat) == len(traverse_util.flatten_dict(variables["limits"]))
    largest = max(np.abs(images).max(), np.abs(other).max())
    stem = next(value for path, value in flat.items() if path.startswith(("conv1", "stem")))
    np.testing.assert_allclose(stem, largest, rtol=1e-6)
    jax.tree.map(np.testing.assert_array_less, variables["limits"], jax.tree.map(
        lambda limit: limit * 1.0001 + 1e-6, limits
    ))  # fmt: skip
