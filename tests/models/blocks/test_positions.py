"""Learned positions on other grids."""

import numpy as np

from effjax.models.blocks.positions import (
    interpolate_map,
    interpolate_tokens,
    resize_map,
    resize_tokens,
    square_grid,
)

COLUMNS = np.arange(14.0, dtype=np.float32)


def test_inside_a_network_maps_are_bilinear_with_half_pixel_centres():
    ramp = np.arange(4.0, dtype=np.float32).reshape(1, 1, 4, 1)
    wide = interpolate_map(ramp, (1, 1, 8, 1))
    np.testing.assert_allclose(wide[0, 0, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_maps_shrink_smoothed():
    """A channel that holds the column: every new column lies between two old ones."""
    ramp = np.broadcast_to(COLUMNS, (14, 14)).reshape(1, 14, 14, 1)
    small = np.asarray(resize_map(ramp, (1, 28, 7, 1)))[0, :, :, 0]
    # The ends have neighbours on one side only.
    np.testing.assert_allclose(
        small[:, 1:-1], np.tile([2.5, 4.5, 6.5, 8.5, 10.5], (28, 1)), atol=0.1
    )
    np.testing.assert_allclose(small[:, 0], np.full(28, 0.5), atol=0.2)


def test_tokens_keep_what_comes_before_them():
    tokens = np.ones((1, 17, 3), np.float32)
    tokens[:, 0] = 5
    resized = resize_tokens(tokens, (4, 4), (7, 7))
    np.testing.assert_array_equal(resized[:, 0], np.full((1, 3), 5))
    np.testing.assert_allclose(resized[:, 1:], np.ones((1, 49, 3)), rtol=1e-6)


def test_only_squares_have_a_square_grid():
    assert square_grid(196) == (14, 14)
    assert square_grid(140) is None


def test_crops_of_another_size_get_positions_between():
    """Cubic interpolation keeps a straight line inside, and the value at the border beyond."""
    line = np.zeros((1, 1 + 64, 1), np.float32)
    line[0, 1:, 0] = np.tile(np.arange(8.0), 8)
    small = np.asarray(interpolate_tokens(line, (8, 8), (4, 4)))[0, 1:, 0].reshape(4, 4)
    np.testing.assert_allclose(small[:, 1:3], np.tile([2.5, 4.5], (4, 1)), atol=1e-5)
    same = interpolate_tokens(line, (8, 8), (8, 8))
    np.testing.assert_allclose(same, line, atol=1e-5)
    # DINO's 0.1 moves the places a little to the left
    moved = np.asarray(interpolate_tokens(line, (8, 8), (4, 4), 0.1))[0, 1:, 0].reshape(4, 4)
    assert (moved[:, 1:3] < small[:, 1:3]).all()
