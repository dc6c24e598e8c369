"""The network that `config.model` describes."""

import types

import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.tasks.network import architecture_fields, build_classifier


def split_of(height=224, width=224):
    return types.SimpleNamespace(num_classes=3, image_shape=(height, width, 3))


def view_of(name="vit_tiny_patch16_224", **fields):
    config = effjax.default_config()
    config.model.update(name=name, **fields)
    return View(config)


def test_it_has_an_output_for_each_class():
    config = view_of(depth=1)
    model = build_classifier(config, split_of(), "classification", None)
    assert model.num_classes == 3
    assert model.architecture.depth == 1


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("vit_tiny_patch16_224", split_of(), {}),
        ("vit_tiny_patch16_224", split_of(224, 448), {"image_size": (224, 448)}),
        ("resnet18", split_of(224, 448), {}),
    ],
)
def test_a_list_of_positions_is_told_its_grid(name, split, expected):
    assert architecture_fields(view_of(name).model, split) == expected


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"num_classes": 2}, "but the labels have 3 classes"),
        ({"dtype": "float16"}, "small gradients would become zero"),
    ],
)
def test_what_cannot_be_is_refused(fields, told):
    with pytest.raises(UserError, match=told):
        build_classifier(view_of(**fields), split_of(), "classification", None)
