import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from effjax.models.blocks.cell_operations import (
    average_pool_3x3,
    one_further,
)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [5, 6])
def test_average_is_that_of_windows(stride, size):
    x = jax.random.normal(jax.random.key(0), (2, size, size + 1, 3))
    padding = ((1, 1), (1, 1))
    mean = nn.avg_pool(x, (3, 3), (stride, stride), padding, count_include_pad=False)
    np.testing.assert_allclose(average_pool_3x3(x, stride), mean, rtol=1e-5, atol=1e-6)


def test_one_further_keeps_half_of_an_odd_map():
    x = jnp.arange(25.0).reshape(1, 5, 5, 1)
    beside = one_further(x)
    assert beside.shape == (1, 5, 5, 1)
    assert beside[0, 0, 0, 0] == 6
    assert (beside[0, -1] == 0).all()
    assert one_further(x[:, :4, :4]).shape == (1, 3, 3, 1)
