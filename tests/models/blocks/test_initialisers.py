"""Fresh weights are drawn as the authors draw them."""

import jax
import numpy as np
import pytest

from effjax.models import create_model
from effjax.models.families.metaformer import Block
from effjax.models.families.resnet import Block as ResNetBlock

KEY = jax.random.key(0)
MAP = np.ones((1, 2, 2, 64), np.float32)
IMAGE = np.ones((1, 8, 8, 3), np.float32)
ONE_STAGE = {"mixers": "identity", "kernel_sizes": 3, "layer_scale": None, "residual_scale": None}
ONE_STAGE |= {"patch_kernels": 7, "patch_strides": 4, "patch_pads": 2, "remat": False}


def params_of(module, *inputs):
    """Jitted, so that nothing but the drawing is compiled."""
    return jax.jit(module.init)(KEY, *inputs)["params"]


def stem_of(name):
    model = create_model(name, 0, depths=(1,), dims=(64,), **ONE_STAGE)
    return params_of(model, IMAGE)["stem"]["conv"]


def test_metaformers_draw_normal_weights_and_zero_biases():
    conv = stem_of("caformer_s18")
    assert float(conv["kernel"].std()) == pytest.approx(0.02, rel=0.05)
    assert float(abs(conv["kernel"]).max()) > 0.05  # not cut at two standard deviations
    assert not conv["bias"].any()


def test_poolformer_leaves_its_patches_at_the_uniform_default_of_pytorch():
    conv = stem_of("poolformer_s12")
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


def test_residual_branches_of_resnet_start_at_zero():
    a = create_model("resnet50", dims=(16, 32, 64, 128)).architecture
    params = params_of(ResNetBlock(a, None, 0, 1, 0.0), MAP, None)
    assert not params["bn3"]["scale"].any()
    assert params["bn2"]["scale"].all()
    kernel = params["conv2"]["kernel"]
    assert float(kernel.std()) == pytest.approx((2 / (9 * 16)) ** 0.5, rel=0.1)
