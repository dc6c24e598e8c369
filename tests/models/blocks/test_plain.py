"""Layers in plain operations are the same layers."""

import jax
import numpy as np
import pytest
from flax import linen as nn

from effjax.models.blocks.layers import DepthwiseConv
from effjax.models.blocks.mixers import Pooling
from effjax.models.blocks.plain import plain_layers

LAYERS = [
    DepthwiseConv((3, 5)),
    DepthwiseConv((3, 3), stride=2, use_bias=False),
    DepthwiseConv((5, 5), dilation=2),
    Pooling(kernel_size=3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_same_numbers_by_one_operation(layer):
    x = jax.random.normal(jax.random.key(0), (2, 9, 8, 4))
    rest = (False, None) if isinstance(layer, Pooling) else ()
    variables = jax.jit(lambda: layer.init(jax.random.key(1), x, *rest))()

    def run(x):
        return layer.apply(variables, x, *rest)

    with nn.intercept_methods(plain_layers):
        program = str(jax.make_jaxpr(run)(x))
        plain = run(x)
    operation = "reduce_window" if isinstance(layer, Pooling) else "conv_general_dilated"
    assert operation in program
    np.testing.assert_allclose(plain, run(x), rtol=1e-5, atol=1e-5)
