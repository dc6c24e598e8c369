"""Means of devices are weighed by their valid examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.training.device_mean import DeviceMean, at_least_float32


@pytest.mark.parametrize(
    ("weights", "expected"),
    [([4.0, 4.0, 4.0, 4.0], 2.5), ([1.0, 0.0, 0.0, 3.0], 3.25), ([0.0, 0.0, 0.0, 0.0], 0.0)],
)
def test_a_mean_of_means(weights, expected):
    def mean(x, weight):
        return DeviceMean("d", weight)({"x": x})["x"]

    values = jnp.asarray([1.0, 2.0, 3.0, 4.0])
    found = jax.vmap(mean, axis_name="d")(values, jnp.asarray(weights))
    np.testing.assert_array_equal(found, np.full(4, expected))


def test_without_an_axis_only_the_dtype_changes():
    tree = {"w": jnp.ones(2, jnp.bfloat16), "n": jnp.ones(2, jnp.int32)}
    found = DeviceMean(None, 3.0)(tree)
    assert (found["w"].dtype, found["n"].dtype) == (jnp.float32, jnp.int32)
    assert at_least_float32(jnp.ones(1)).dtype == jnp.float32
