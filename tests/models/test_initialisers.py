"""Fresh weights are drawn as the authors draw them."""

import jax
import numpy as np
import pytest

from effjax.models import create_model
from effjax.models.blocks.mixers import Random
from effjax.models.families.metaformer import Block, Stem
from effjax.models.families.resnet import Block as ResNetBlock

KEY = jax.random.key(0)
MAP = np.ones((1, 2, 2, 64), np.float32)
IMAGE = np.ones((1, 8, 8, 3), np.float32)


def params_of(module, *inputs):
    """Jitted, so that nothing but the drawing is compiled."""
    return jax.jit(module.init)(KEY, *inputs)["params"]


def test_metaformers_draw_normal_weights_and_zero_biases():
    a = create_model("caformer_s18").architecture
    conv = params_of(Stem(a), IMAGE)["conv"]
    assert float(conv["kernel"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(abs(conv["kernel"]).max()) > 0.05  # not cut at two standard deviations
    assert not conv["bias"].any()


def test_poolformer_leaves_its_patches_at_the_uniform_default_of_pytorch():
    a = create_model("poolformer_s12").architecture
    conv = params_of(Stem(a), IMAGE)["conv"]
    bound = (7 * 7 * 3) ** -0.5
    for leaf in (conv["kernel"], conv["bias"]):
        assert 0.9 * bound < float(abs(leaf).max()) <= bound


def test_scales_of_a_block():
    a = create_model("caformer_s18").architecture
    late = params_of(Block(a, 3, "identity", 7, 0.0), MAP, None)
    assert set(np.unique(late["res_scale1"]["scale"])) == {1.0}
    assert (late["mlp"]["act"]["scale"], late["mlp"]["act"]["bias"]) == (1.0, 0.0)
    early = params_of(Block(a, 0, "identity", 7, 0.0), MAP, None)
    assert "res_scale1" not in early
    a = create_model("poolformer_s36").architecture
    first = params_of(Block(a, 0, "identity", 3, 0.0), MAP, None)
    np.testing.assert_allclose(first["layer_scale2"]["scale"], 1e-6)


def test_random_matrices_average_and_differ():
    matrices = [
        Random(0).init(jax.random.key(seed), MAP)["constants"]["random_matrix"] for seed in (0, 1)
    ]
    np.testing.assert_allclose(matrices[0].sum(1), 1, rtol=1e-6)
    assert not np.allclose(*matrices)


def test_residual_branches_of_resnet_start_at_zero():
    a = create_model("resnet50").architecture
    params = params_of(ResNetBlock(a, None, 16, 1, 0.0), MAP, None)
    assert not params["bn3"]["scale"].any()
    assert params["bn2"]["scale"].all()
    kernel = params["conv2"]["kernel"]
    assert float(kernel.std()) == pytest.approx((2 / (9 * 16)) ** 0.5, rel=0.1)
