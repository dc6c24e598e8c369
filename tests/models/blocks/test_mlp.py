import jax
import numpy as np

from effjax.models.blocks.mlp import Mlp


def test_widens_activates_and_narrows():
    x = np.ones((2, 3, 4), np.float32)
    layer = Mlp(ratio=1.5, activation="relu", use_bias=False)
    params = layer.init(jax.random.key(0), x)["params"]
    assert params["fc1"]["kernel"].shape == (4, 6)
    wanted = np.maximum(x @ params["fc1"]["kernel"], 0) @ params["fc2"]["kernel"]
    np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-6)
