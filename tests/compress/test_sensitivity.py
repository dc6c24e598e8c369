"""How far the logits move when a layer has fewer bits."""

import jax
import numpy as np
import pytest

from effjax.compress.quantised import Bits, in_float
from effjax.compress.quantised_layers import layers_of
from effjax.compress.sensitivity import best_bits, damages
from tests.compress.quantised import SHAPE, small_network, without_limits

pytest.importorskip("qwix", reason="pip install 'effjax[quantise]'")


def test_damage_is_that_of_the_layer_alone():
    model, variables, images = small_network()
    layers = layers_of(model, variables, SHAPE)
    done = []
    found = damages(model, variables, [images], layers, (2, 8, 32), done.append)
    assert done == list(range(1, len(layers) + 1))
    for path, of_layer in found.items():
        # a ResNet's blocks begin with a last norm of 0: nothing in them moves a logit yet
        assert of_layer[32] == 0 <= of_layer[8] <= of_layer[2], path
    assert 0 < found["fc"][8] < found["fc"][2]
    # the same by the interceptor: weights of one layer rounded, all else as it is
    path = layers[0].path
    alone = model.clone(interceptor=type(model.interceptor)(Bits(32, 32, ((f"^{path}$", 2),))))
    moved = jax.jit(alone.apply)(variables, images)
    plain = jax.jit(in_float(model).apply)(without_limits(variables), images)
    np.testing.assert_allclose(found[path][2], np.square(moved - plain).mean(), rtol=1e-3)


def test_the_layers_that_suffer_most_keep_their_bits():
    found = {"a": {2: 9.0, 8: 0.1}, "b": {2: 1.0, 8: 0.1}}
    costs = {"a": {2: 2, 8: 8}, "b": {2: 2, 8: 8}}
    assert best_bits(found, costs, 10) == (("^a$", 8), ("^b$", 2))
