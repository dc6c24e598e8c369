import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.layers import Conv, Linear, Scale, per_axis

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 7, 6, 4)).astype(np.float32)


def kernel(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("side", "stride", "pad", "groups"), [(1, 1, 0, 1), (1, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 2)]
)
def test_convolutions_agree_with_the_general_one(side, stride, pad, groups):
    weights = kernel(side, side, 4 // groups, 8)
    layer = Conv(8, (side, side), stride, pad, groups, use_bias=False)
    y = layer.apply({"params": {"kernel": weights}}, X)
    wanted = jax.lax.conv_general_dilated(
        X,
        weights,
        (stride, stride),
        [(pad, pad)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    np.testing.assert_allclose(y, wanted, atol=1e-4)


def test_scale_is_one_factor_a_channel():
    scale = np.arange(4.0, dtype=np.float32)
    y = Scale(1e-6).apply({"params": {"scale": scale}}, X)
    np.testing.assert_array_equal(y, X * scale)


@pytest.mark.parametrize("space", [(2, 6), (0, 0)])
def test_a_map_that_is_smaller_than_the_kernel_is_refused(space):
    with pytest.raises(
        UserError, match=r"images are too small: at .* a kernel of 5 x 5 meets a map"
    ):
        Conv(8, (5, 5), pad=1).init(jax.random.key(0), np.zeros((2, *space, 4), np.float32))


def test_an_empty_map_is_refused_by_linear_layers_too():
    with pytest.raises(UserError, match="a kernel of 1 x 1 meets a map of 0 x 2"):
        Linear(8).init(jax.random.key(0), X[:, :0, :2])


def test_images_are_refused_where_a_clip_is_expected():
    with pytest.raises(UserError, match=r"takes arrays of 5 axes .* not of shape \(2, 7, 6, 4\)"):
        Conv(8, (1, 2, 2)).init(jax.random.key(0), X)


def test_a_map_as_large_as_the_kernel_is_one_position():
    y, _ = Conv(8, (5, 5), pad=1).init_with_output(jax.random.key(0), X[:, :3, :3])
    assert y.shape == (2, 1, 1, 8)


def test_one_number_serves_all_axes():
    assert per_axis(2, 3) == (2, 2, 2)
    assert per_axis([1, 2], 2) == (1, 2)
