import jax
import numpy as np

from effjax.models.blocks.mixers import Attention


def test_heads_are_whole():
    for channels, width in ((64, 64), (40, 32), (8, 32)):  # a rest gets no head, few channels one
        x = np.ones((1, 2, 2, channels), np.float32)
        variables = jax.eval_shape(Attention(3).init, jax.random.key(0), x, False, None)
        assert variables["params"]["qkv"]["kernel"].shape == (channels, 3 * width)
