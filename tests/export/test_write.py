"""A file is checked before it appears; what is refused leaves nothing."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.export import FORMATS
from tests.export.networks import needs, quietly


def test_a_network_trained_in_bfloat16_is_written_in_float32(tiny, exported, tmp_path):
    _, wide = exported("stablehlo")
    narrow = dataclasses.replace(tiny, model=tiny.model.clone(dtype=jnp.bfloat16))
    found = quietly(narrow, "stablehlo", tmp_path / "narrow.stablehlo")
    assert (found["largest"], found["difference"]) == (wide["largest"], wide["difference"])


def test_a_file_that_computes_something_else_is_refused(tiny, tmp_path, monkeypatch):
    wrong = dataclasses.replace(FORMATS["safetensors"], open=lambda path: lambda x: np.ones(5))
    monkeypatch.setitem(FORMATS, "safetensors", wrong)
    with pytest.raises(ValueError, match="computes something else"):
        quietly(tiny, "safetensors", tmp_path / "tiny.safetensors")


def test_formats_and_endings_are_checked(tiny, tmp_path):
    with pytest.raises(ValueError, match="did you mean 'onnx'"):
        quietly(tiny, "onx", tmp_path / "tiny.onnx")
    with pytest.raises(ValueError, match=r"are called \*\.onnx"):
        quietly(tiny, "onnx", tmp_path / "tiny.stablehlo")


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_a_network_without_a_classifier_gives_features(headless, tmp_path, kind):
    needs(kind)
    file = tmp_path / f"net{FORMATS[kind].ending}"
    found = quietly(headless, kind, file)
    assert found["largest"] > 0
    card = json.loads(file.with_suffix(".json").read_text())
    assert (card["num_classes"], card["labels"]) == (0, [])
    if kind != "safetensors":
        assert card["output"]["name"] == "features"
        assert card["output"]["type"] == "float32 [B, 16]"
        assert card["output"]["meaning"].startswith("features")


def test_a_full_disk_leaves_nothing(tiny, tmp_path, monkeypatch):
    def no_room(trained, path):
        path.write_bytes(b"a part of it")
        raise OSError(28, "No space left on device")

    full = dataclasses.replace(FORMATS["safetensors"], write=no_room)
    monkeypatch.setitem(FORMATS, "safetensors", full)
    with pytest.raises(UserError, match="No space left") as caught:
        quietly(tiny, "safetensors", tmp_path / "new/folder/model.safetensors")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
