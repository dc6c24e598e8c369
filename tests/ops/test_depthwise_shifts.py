"""The parts that `depthwise_conv` is made of; as a whole they are tested there."""

import jax.numpy as jnp
import numpy as np

from effjax.ops.depthwise_shifts import _blocks, _pad, _spread, _windows


def test_windows_are_shifted_copies():
    x = jnp.arange(24.0).reshape(2, 12)
    windows = _windows(x, count=3, dilation=2, axis=1)
    assert windows.shape == (2, 3, 8)
    for i in range(3):
        np.testing.assert_array_equal(windows[:, i], x[:, 2 * i : 2 * i + 8])


def test_a_gradient_goes_back_to_the_cells_it_came_from():
    g = jnp.ones((1, 2, 3, 1))
    spread = np.asarray(_spread(g, 3, (6, 8)))[0, :, :, 0]
    expected = np.zeros((6, 8))
    expected[::3, ::3] = 1
    np.testing.assert_array_equal(spread, expected)


def test_blocks_cover_an_axis():
    for length in (1, 3, 4, 9, 17):
        blocks = _blocks(length, 4)
        assert blocks.count <= 4
        assert blocks.count * blocks.length - blocks.spare == length


def test_padding_is_in_float32_with_spare_channels_where_lines_collide():
    padded = _pad(jnp.ones((1, 2, 2, 256), jnp.bfloat16), (1, 0), (2, 0))
    assert padded.dtype == jnp.float32
    assert padded.shape == (1, 2 + 2 + 2, 2, 256 + 16)
