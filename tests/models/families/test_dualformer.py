import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model
from effjax.models.families.dualformer import from_windows, to_windows
from tests.models.model_parity import images


def test_windows_and_the_way_back():
    x = np.arange(2 * 4 * 6 * 2 * 3).reshape(2, 4, 6, 2, 3)
    windows = to_windows(x, (2, 3, 2))
    assert windows.shape == (2 * 2 * 2 * 1, 12, 3)
    np.testing.assert_array_equal(windows[0], x[0, :2, :3, :2].reshape(12, 3))
    np.testing.assert_array_equal(from_windows(windows, (2, 3, 2), x.shape), x)


def test_videos_that_do_not_divide_are_refused():
    model = create_model("dualformer_tiny", 3, depths=1)
    variables = abstract_variables(model)
    with pytest.raises(UserError, match=r"a map of \(16, 48, 48\) does not divide by \(8, 7, 7\)"):
        jax.eval_shape(model.apply, variables, images((1, 32, 192, 192, 3)))


def test_heads_have_32_channels():
    with pytest.raises(UserError, match="heads of 32"):
        create_model("dualformer_tiny", dims=(16, 64, 64, 64))
