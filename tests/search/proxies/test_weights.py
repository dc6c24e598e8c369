"""Which leaves are weights of layers."""

import jax.numpy as jnp

from effjax.search.proxies.weights import by_layer, fill_in, layer_weights, total

PARAMS = {
    "stem": {"kernel": jnp.ones((3, 3, 1, 2)), "bias": jnp.ones(2)},
    "norm": {"scale": jnp.ones(2)},
    "block": {"fc": {"kernel": jnp.ones((2, 4))}},
}


def test_kernels_of_layers_are_weights_and_nothing_else():
    weights = layer_weights(PARAMS)
    assert list(by_layer(weights)) == ["block/fc", "stem"]
    assert weights["stem"]["bias"] is None
    assert weights["norm"]["scale"] is None
    assert total(weights) == 8 + 18


def test_filling_in_leaves_the_rest():
    zeros = {"stem": {"kernel": jnp.zeros((3, 3, 1, 2)), "bias": None}}
    filled = fill_in({"stem": PARAMS["stem"]}, zeros)
    assert filled["stem"]["kernel"].sum() == 0
    assert filled["stem"]["bias"].sum() == 2
