"""Image models as functions of their weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.effective import effective
from effjax.compress.masks import ones_like, prunable
from effjax.compress.networks import losses_over, path_program
from effjax.errors import UserError

SMALL = {
    "resnet50": {"depths": (1, 1), "dims": (3, 4), "strides": (1, 2), "remat": (False,) * 2,
                 "block": "basic", "stem_kernel": 3, "stem_stride": 1, "stem_pool": False},
    "caformer_s18": {"depths": (1, 1, 1, 1), "dims": (8, 8, 32, 32), "patch_strides": (2, 2, 1, 1)},
    "poolformer_s12": {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 4), "patch_strides": (2, 2, 1, 1)},
    "convnext_tiny": {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 4)},
    "inception_next_tiny": {"depths": (1, 1, 1, 1), "dims": (16, 16, 16, 16)},
}  # fmt: skip


def make(name, side):
    model = models.create_model(name, num_classes=3, **SMALL[name])
    return model, jax.jit(model.init)(jax.random.key(0), jnp.ones((1, side, side, 3)))


@pytest.fixture(scope="module")
def resnet():
    return make("resnet50", 4)


def test_paths_of_a_residual_network(resnet):
    model, variables = resnet
    weights = prunable(variables["params"])
    found = effective(path_program(model, variables, (4, 4, 3)), ones_like(weights))
    assert found.live == found.kept == sum(weight.size for weight in weights.values())
    assert found.outputs["fc/kernel"] == 3
    assert found.log_paths_own_rule > found.log_paths + 0.1


def test_a_dead_channel_takes_its_weights_along(resnet):
    model, variables = resnet
    masks = ones_like(prunable(variables["params"]))
    masks["layer1_0/conv2/kernel"][:, :, 1] = 0  # channel 1 inside of the block leads nowhere
    found = effective(path_program(model, variables, (4, 4, 3)), masks)
    assert found.outputs["layer1_0/conv1/kernel"] == 2
    assert found.kept - found.live == masks["layer1_0/conv1/kernel"][..., 1].size


def test_losses_are_functions_of_the_weights(resnet):
    model, variables = resnet
    weights = prunable(variables["params"])
    images, labels = jnp.ones((2, 4, 4, 3)), jnp.array([0, 2])
    (loss,) = losses_over(model, variables, [(images, labels)])
    logits = jax.jit(model.apply)(variables, images)
    expected = -jax.nn.log_softmax(logits)[jnp.arange(2), labels].mean()
    np.testing.assert_allclose(loss(weights), expected, rtol=1e-5)
    with pytest.raises(UserError, match="no batch"):
        losses_over(model, variables, [])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_paths_of_every_family(name):
    side = 32 if "next" in name else 16  # of 16 they leave no pixel
    model, variables = make(name, side)
    weights = prunable(variables["params"])
    found = effective(path_program(model, variables, (side, side, 3)), ones_like(weights))
    # queries and keys lie on no path, and pieces of windows that see padding alone
    assert 0.5 * found.kept < found.live <= found.kept
    assert found.log_paths > 0
