import jax
import numpy as np
import pytest

from effjax.models.blocks.layers import Conv, Scale, per_axis

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


def test_one_number_serves_all_axes():
    assert per_axis(2, 3) == (2, 2, 2)
    assert per_axis([1, 2], 2) == (1, 2)
