"""Models with learned positions, at the size they were made for and at others."""

from functools import partial

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import create_model, load_weights
from effjax.models.blocks.positions import resize_map, resize_tokens
from effjax.models.weights import to_torch
from tests.models.model_parity import images, random_variables

VIT = {"width": 32, "heads": 2, "depth": 4, "patch_size": 8}
INCEPTION = {"depths": 1, "dims": (48, 64, 96, 96), "attention_heads": 1}


def test_maps_are_resized_bilinearly_with_half_pixel_centres():
    ramp = np.arange(4.0, dtype=np.float32).reshape(1, 1, 4, 1)
    wide = resize_map(ramp, (1, 1, 8, 1))
    np.testing.assert_allclose(wide[0, 0, :, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_tokens_keep_the_class_token_and_a_constant_map():
    tokens = np.ones((1, 17, 3), np.float32)
    tokens[:, 0] = 5
    resized = resize_tokens(tokens, (1, 50, 3))
    np.testing.assert_array_equal(resized[:, 0], np.full((1, 3), 5))
    np.testing.assert_allclose(resized[:, 1:], 1, rtol=1e-6)


def test_vit_refuses_another_size_and_loads_into_one():
    model = create_model("vit_tiny_patch16_224", 10, **VIT)
    variables = random_variables(model, (32, 32, 3))
    features = jax.eval_shape(
        partial(model.apply, method="features"), variables, images((2, 32, 32, 3))
    )
    assert [features[f"stage{i}"].shape for i in (1, 2, 3, 4)] == [(2, 17, 32)] * 4
    with pytest.raises(UserError, match="48x48 make 36 patches, the model has positions for 16"):
        jax.eval_shape(model.apply, variables, images((2, 48, 48, 3)))
    with pytest.raises(UserError, match="do not divide into patches"):
        jax.eval_shape(model.apply, variables, images((2, 30, 32, 3)))
    larger = random_variables(model, (48, 48, 3))
    loaded, report = load_weights(model, larger, to_torch(model, variables))
    assert report.resized == ["pos_embed"]
    assert loaded["params"]["pos_embed"].shape == (1, 37, 32)


def test_inception_transformer_interpolates_its_positions():
    model = create_model("inception_transformer_small", 10, **INCEPTION)
    variables = random_variables(model, (64, 64, 3))
    assert jax.eval_shape(model.apply, variables, images((2, 96, 64, 3))).shape == (2, 10)
    with pytest.raises(UserError, match="does not divide by attention_pools=2"):
        jax.eval_shape(model.apply, variables, images((2, 36, 64, 3)))
    loaded, report = load_weights(
        model, random_variables(model, (96, 96, 3)), to_torch(model, variables)
    )
    assert report.resized == [f"pos_embed{i}" for i in (1, 2, 3, 4)]
    assert loaded["params"]["pos_embed1"].shape == (1, 24, 24, 48)
