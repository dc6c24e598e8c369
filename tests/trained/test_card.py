"""The companion of an exported file is read, or refused in two lines."""

import json

import pytest

from effjax.errors import UserError
from effjax.trained.card import (
    card_path,
    describe_preprocessing,
    read_card,
    read_preprocessing,
)
from effjax.trained.network import Preprocessing

CARD = {
    "model": "resnet18",
    "architecture": {"dims": [8, 8, 16, 16]},
    "num_classes": 2,
    "preprocessing": {"size": [8, 12], "crop": 0.9, "mean": [0.5, 0.4, 0.3], "later": 1},
    "labels": ["cat", "dog"],
    "opset": 17,
}


def test_a_companion_is_read(tmp_path):
    weights = tmp_path / "w.safetensors"
    assert read_card(weights) is None
    card_path(weights).write_text(json.dumps(CARD))
    card = read_card(weights)
    assert card["preprocessing"] == Preprocessing((8, 12), 0.9, mean=(0.5, 0.4, 0.3))
    assert (card["model"], card["labels"]) == ("resnet18", ["cat", "dog"])


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 10_000, '{"model": "resnet18"}'])
def test_other_json_is_refused(text, tmp_path):
    card_path(tmp_path / "w.onnx").write_text(text)
    with pytest.raises(UserError) as caught:
        read_card(tmp_path / "w.onnx")
    first, second = str(caught.value).splitlines()
    assert first.startswith(str(tmp_path / "w.json"))
    assert second == "export the network again, or remove this file and give --model=M"


def test_the_steps_from_a_file_to_the_network_are_stated():
    steps = describe_preprocessing(Preprocessing((224, 192), 0.875, "bilinear"))
    assert steps["resize"] == (256, 219)
    assert (steps["interpolation"], steps["antialias"]) == ("bilinear", True)
    # what is stated beside the fields is for programs without effjax
    assert read_preprocessing(steps) == Preprocessing((224, 192), 0.875, "bilinear")


def test_preprocessing_has_its_defaults():
    assert read_preprocessing({"size": [8, 8]}) == Preprocessing((8, 8))
