import jax
import numpy as np

from effjax.models.blocks.mixers import SeparableConv


def test_expansion_and_window():
    x = np.ones((1, 3, 3, 4), np.float32)
    variables = jax.eval_shape(
        SeparableConv((3, 5), expansion=3).init, jax.random.key(0), x, False, None
    )
    params = variables["params"]
    assert params["pwconv1"]["kernel"].shape == (4, 12)
    assert params["dwconv"]["kernel"].shape == (3, 5, 1, 12)
    assert params["pwconv2"]["kernel"].shape == (12, 4)
