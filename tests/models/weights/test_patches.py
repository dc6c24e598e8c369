"""Kernels of patches at another size, against the definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.models import create_model, load_weights
from effjax.models.weights import to_torch
from effjax.models.weights.patches import _bilinear, resize_patches
from tests.models.model_parity import random_variables

RNG = np.random.default_rng(0)


def resized(patches, side):
    """[B, p, p, C] -> [B, side, side, C]."""
    batch, *_, channels = patches.shape
    return jax.image.resize(patches, (batch, side, side, channels), "bilinear", antialias=True)


@pytest.mark.parametrize(("old", "new"), [(8, 12), (8, 16), (12, 5), (8, 3)])
def test_the_matrix_is_jaxs_resize(old, new):
    eye = np.eye(old, dtype=np.float32)[..., None, None]  # a column for each pixel
    columns = [jax.image.resize(one, (new, 1, 1), "bilinear", antialias=True) for one in eye]
    expected = np.stack(columns, 1)[:, :, 0, 0]
    np.testing.assert_allclose(_bilinear(old, new), expected, atol=1e-6)


def test_larger_patches_are_embedded_as_before():
    kernel = RNG.normal(size=(4, 4, 3, 5)).astype(np.float32)
    patches = RNG.normal(size=(6, 4, 4, 3)).astype(np.float32)
    grown = resize_patches(kernel, 7)
    before = jnp.einsum("bhwc,hwcd->bd", patches, kernel)
    after = jnp.einsum("bhwc,hwcd->bd", resized(patches, 7), grown)
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3)
    assert resize_patches(kernel, 4) is kernel


def test_smaller_patches_have_the_least_error_over_noise():
    """E[(<x, w> - <B x, w'>)^2] = |w - B^T w'|^2: no small change of w' makes it less."""
    kernel = RNG.normal(size=(6, 6, 1, 1)).astype(np.float32)
    small = np.asarray(resize_patches(kernel, 4), np.float64).reshape(-1)
    matrix = np.kron(_bilinear(6, 4), _bilinear(6, 4))
    error = kernel.reshape(-1) - matrix.T @ small
    np.testing.assert_allclose(matrix @ error, 0, atol=1e-4)


def test_weights_load_into_a_vit_of_other_patches():
    fields = {"depth": 1, "width": 16, "heads": 2}
    coarse = create_model("vit_tiny_patch16_224", num_classes=2, patch_size=8, **fields)
    fine = create_model("vit_tiny_patch16_224", num_classes=2, patch_size=4, **fields)
    given = random_variables(coarse, (16, 16, 3))
    fresh = random_variables(fine, (16, 16, 3))
    loaded, report = load_weights(fine, fresh, to_torch(coarse, given))
    assert sorted(report.resized) == ["patch_embed.proj.weight", "pos_embed"]
    kernel = given["params"]["patch_embed"]["proj"]["kernel"]
    expected = resize_patches(kernel, 4)
    np.testing.assert_allclose(loaded["params"]["patch_embed"]["proj"]["kernel"], expected, 1e-5)
