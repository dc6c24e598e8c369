"""Weights saved at one image size, loaded for another."""

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import abstract_variables, create_model, load_weights, save_weights
from effjax.models.weights import from_torch, to_torch
from tests.models.model_parity import random_variables

VIT = {"width": 4, "heads": 1, "depth": 1}
INCEPTION = {"depths": 1, "dims": (48, 64, 96, 96), "attention_heads": 1}


def vit(height, width):
    size = None if height == width else (height, width)
    model = create_model("vit_tiny_patch16_224", 2, image_size=size, **VIT)
    shapes = abstract_variables(model, (height, width, 3))
    return model, jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.fixture(scope="module")
def saved():
    """Weights for 224x224: the class token's entry is 7, of the others one channel holds the
    column and one the row."""
    model, variables = vit(224, 224)
    positions = np.full((1, 197, 4), 7.0, np.float32)
    rows, columns = np.divmod(np.arange(196), 14)
    positions[0, 1:, 0], positions[0, 1:, 1] = columns, rows
    variables["params"]["pos_embed"] = positions
    return dict(to_torch(model, variables))  # without notes, as timm saves it


@pytest.mark.parametrize("size", [(112, 448), (448, 112), (64, 256), (224, 160)])
def test_positions_are_resized_on_the_grid(saved, size):
    model, variables = vit(*size)
    loaded, report = load_weights(model, variables, saved)
    assert report.resized == ["pos_embed"]
    positions = np.asarray(loaded["params"]["pos_embed"][0])
    np.testing.assert_array_equal(positions[0], np.full(4, 7.0))
    rows, columns = size[0] // 16, size[1] // 16
    grid = positions[1:].reshape(rows, columns, 4)
    # Away from the ends, where a curve has neighbours on both sides, a ramp stays a ramp. A kernel
    # that is widened against aliasing has weights that sum to one, but a ramp only nearly.
    for axis, cells in ((1, columns), (0, rows)):
        wanted = (np.arange(cells) + 0.5) * 14 / cells - 0.5
        found = np.take(grid[..., 1 - axis], 0, axis=1 - axis)
        reach = 2 * max(1.0, 14 / cells)
        inside = (wanted > reach) & (wanted < 13 - reach)
        np.testing.assert_allclose(found[inside], wanted[inside], atol=0.03)
        np.testing.assert_allclose(found, wanted, atol=0.3)


def test_half_the_columns_lie_between_two_old_ones(saved):
    model, variables = vit(448, 112)
    loaded, _ = load_weights(model, variables, saved)
    first = loaded["params"]["pos_embed"][0, 1:8, 0]
    np.testing.assert_allclose(first, [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5], atol=0.1)


def test_a_file_of_ours_tells_its_grid(saved, tmp_path):
    """As many tokens as 224x224 has, but of another grid: taken as they are, and resized back."""
    wide, variables = vit(112, 448)
    variables["params"]["pos_embed"] = np.random.default_rng(0).random((1, 197, 4), np.float32)
    save_weights(wide, variables, tmp_path / "wide.safetensors")
    loaded, report = load_weights(wide, vit(112, 448)[1], tmp_path / "wide.safetensors")
    assert not report.resized
    np.testing.assert_array_equal(loaded["params"]["pos_embed"], variables["params"]["pos_embed"])
    _, report = load_weights(*vit(224, 224), tmp_path / "wide.safetensors")
    assert report.resized == ["pos_embed"]


def test_an_unknown_grid_is_refused(saved):
    wide, variables = vit(224, 160)
    state = dict(to_torch(wide, variables))  # 140 tokens, and nothing tells how they lie
    with pytest.raises(UserError, match="140 tokens, which are no square"):
        load_weights(wide, variables, state)


def test_another_image_size_is_named(saved):
    model, _ = vit(64, 256)
    with pytest.raises(UserError, match="weights of another image size: load_weights resizes"):
        from_torch(model, saved)


def test_maps_are_resized_too():
    model = create_model("inception_transformer_small", 10, **INCEPTION)
    state = to_torch(model, random_variables(model, (64, 64, 3)))
    loaded, report = load_weights(model, random_variables(model, (96, 64, 3)), state)
    assert report.resized == [f"pos_embed{i}" for i in (1, 2, 3, 4)]
    assert loaded["params"]["pos_embed1"].shape == (1, 24, 16, 48)


def test_random_matrices_fit_one_grid():
    small = {"depths": 1, "dims": 8}
    model = create_model("randformer_s12", 2, **small)
    state = to_torch(model, random_variables(model, (32, 32, 3)))
    with pytest.raises(UserError, match="these are weights of another image size"):
        load_weights(model, random_variables(model, (64, 64, 3)), state)
