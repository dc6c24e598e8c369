import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model
from effjax.models.families.inception_next import InceptionMixer


def test_the_first_channels_pass_the_mixer_untouched():
    x = np.random.default_rng(0).standard_normal((1, 4, 4, 8)).astype(np.float32)
    zeros = {
        "dwconv_hw": {"kernel": np.zeros((3, 3, 1, 1)), "bias": np.zeros(1)},
        "dwconv_w": {"kernel": np.zeros((1, 11, 1, 1)), "bias": np.zeros(1)},
        "dwconv_h": {"kernel": np.zeros((11, 1, 1, 1)), "bias": np.zeros(1)},
    }
    y = InceptionMixer(1 / 8, 3, 11).apply({"params": zeros}, x)
    np.testing.assert_array_equal(y[..., :5], x[..., :5])
    np.testing.assert_array_equal(y[..., 5:], np.zeros((1, 4, 4, 3)))


def test_windows_are_a_square_and_two_bands():
    small = {"depths": (1,), "dims": (8,), "square_kernels": 3, "mlp_ratios": 4.0, "remat": False}
    small |= {"patch_kernels": 4, "patch_strides": 4, "patch_pads": 0, "band_kernels": (((5, 7),),)}
    model = create_model("inception_next_tiny", 2, **small)
    mixer = abstract_variables(model, (8, 8, 3))["params"]["stages_0"]["blocks_0"]["token_mixer"]
    found = {
        w.path[-1]: (w.field, w.side, mixer[w.path[-1]]["kernel"].shape[:2])
        for w in model.windows()
    }
    assert found == {
        "dwconv_hw": ("square_kernels", "both", (3, 3)),
        "dwconv_w": ("band_kernels", "wide", (1, 7)),
        "dwconv_h": ("band_kernels", "high", (5, 1)),
    }


def test_branches_take_a_third_at_most():
    with pytest.raises(UserError, match=r"branch_ratio=0.5: expected float in \[0, 0.333333\]"):
        create_model("inception_next_tiny", branch_ratio=0.5)
