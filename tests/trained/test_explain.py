"""What an answer rests on, against closed forms."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError
from effjax.trained.explain import explained, grad_cam_heat, gradient_heat
from effjax.trained.network import Preprocessing, Trained

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 16, 16, 3), np.uint8)
PLAIN = Preprocessing((16, 16), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Linear:
    """logits = W x, whose gradient is W."""

    num_classes = 2
    layout = None

    def apply(self, variables, images, train=False):
        return jnp.einsum("bhwc,hwck->bk", images, variables["params"]["w"])


def drawn(name, **fields):
    """A network whose parameters are drawn, not initialised: nothing is compiled."""
    model = models.create_model(name, num_classes=3, **fields)
    shapes = models.abstract_variables(model, (16, 16, 3))

    def draw(path, leaf):
        values = RNG.normal(size=leaf.shape, scale=0.3).astype(leaf.dtype)
        return np.abs(values) + 1 if path[-1].key == "var" else values

    variables = jax.tree_util.tree_map_with_path(draw, shapes)
    return Trained(name, name, model, variables, PLAIN, ("a", "b", "c"))


def test_the_gradient_of_a_linear_map_is_its_weights():
    weights = RNG.normal(size=(16, 16, 3, 2)).astype(np.float32)
    variables = {"params": {"w": weights}}
    network = Trained("linear", "linear", Linear(), variables, PLAIN, ("a", "b"))
    heat = gradient_heat(network, variables, IMAGES, jnp.array([0, 1]))
    expected = np.abs(weights).max(2) / 255  # pixels are scaled to 0..1
    np.testing.assert_allclose(heat, np.moveaxis(expected, -1, 0), rtol=1e-5)
    with pytest.raises(UserError, match="give --explain=gradient"):
        explained(network, "gradcam")


def test_grad_cam_of_a_resnet_is_cam():
    """Mean, then a linear layer: a_c is its weight over the size of the map (Zhou et al. 2016)."""
    network = drawn("resnet18", depths=(1, 1, 1, 1), dims=(4, 4, 4, 6), stem_pool=False)
    variables = network.variables
    classes = jnp.array([0, 2])
    heat = grad_cam_heat(network, variables, IMAGES, classes)
    pixels = network.normalised(jnp.asarray(IMAGES))
    maps = network.model.apply(variables, pixels, method="features")["stage4"]
    weights = variables["params"]["fc"]["kernel"][:, classes].T[:, None, None]
    cam = np.maximum((maps * weights).sum(-1), 0) / maps[0, :, :, 0].size
    expected = jax.image.resize(cam, (2, 16, 16), "bilinear")
    assert np.asarray(expected).max() > 0
    np.testing.assert_allclose(heat, expected, rtol=1e-4, atol=1e-6)


def test_tokens_become_a_map():
    fields = {"depth": 4, "width": 8, "heads": 2, "patch_size": 4}
    network = drawn("vit_tiny_patch16_224", **fields)
    shares, heat = explained(network, "gradcam")(network.variables, IMAGES)
    assert shares.shape == (2, 3)
    assert heat.shape == (2, 16, 16)
    assert float(heat.min()) >= 0
    assert float(heat.max()) == pytest.approx(1)  # tokens before the last block do matter


def test_an_unknown_kind_is_refused():
    network = types.SimpleNamespace(model=None)
    with pytest.raises(UserError, match="did you mean 'gradcam'"):
        explained(network, "gradcams")
