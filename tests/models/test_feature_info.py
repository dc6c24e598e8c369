"""The maps of every kind of network."""

import pytest

from effjax import models
from effjax.errors import UserError
from effjax.models import feature_info

PYRAMID = [(4, 4), (8, 8), (16, 16), (32, 32)]


@pytest.mark.parametrize(
    ("name", "channels"),
    [("resnet18", [64, 128, 256, 512]), ("poolformer_s12", [64, 128, 320, 512])],
)
def test_a_pyramid(name, channels):
    found = feature_info(name, (64, 96))
    assert [one.name for one in found] == ["stage1", "stage2", "stage3", "stage4"]
    assert [one.channels for one in found] == channels
    assert [one.stride for one in found] == PYRAMID
    assert found[0].shape == (16, 24, channels[0])


def test_tokens_have_a_grid():
    (*_, last) = feature_info("vit_tiny_patch16_224")
    assert last.size == (14, 14)
    assert last.stride == (16, 16)
    assert last.shape == (1 + 14 * 14, 192)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("caformer_s18", PYRAMID),
        ("convnext_atto", PYRAMID),
        ("inception_next_atto", PYRAMID),
        ("inception_transformer_small", PYRAMID),
        ("visformer_micro_80", PYRAMID[:3]),
        ("dualformer_tiny", [(2, *stride) for stride in PYRAMID]),
    ],
)
def test_every_family_has_its_maps(name, strides):
    assert [one.stride for one in feature_info(name)] == strides


def test_what_is_said_is_what_is_computed_of_a_model():
    fields = {"depths": (1, 1, 1, 1), "dims": (4, 4, 4, 8)}
    model = models.create_model("identityformer_s12", num_classes=2, **fields)
    assert feature_info(model, 32)[-1].shape == (1, 1, 8)
    with pytest.raises(UserError, match="unknown model"):
        feature_info("resnet17")
