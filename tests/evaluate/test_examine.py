"""Examining a network: what cannot be read, and what is no number."""

import cv2
import jax
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError
from effjax.evaluate.network import Wanted, data_of, evaluate_network, without_nan, write_numbers
from effjax.report import Display, choose_display
from effjax.trained.network import Preprocessing, Trained
from tests.evaluate.test_predict import FIELDS

LABELS = ("dark", "bright")


@pytest.fixture(scope="module")
def trained():
    model = models.create_model("identityformer_s12", num_classes=2, **FIELDS)
    shapes = models.registry.abstract_variables(model, (8, 8, 3))
    variables = jax.tree.map(lambda leaf: np.full(leaf.shape, 0.1, leaf.dtype), shapes)
    return Trained("tiny", "identityformer_s12", model, variables, Preprocessing((8, 8)), LABELS)


@pytest.fixture
def photos(tmp_path):
    for label in LABELS:
        folder = tmp_path / "photos/val" / label
        folder.mkdir(parents=True)
        for name in "ab":
            cv2.imwrite(str(folder / f"{name}.png"), np.full((9, 9, 3), 100, np.uint8))
    return tmp_path / "photos"


def test_nothing_that_can_be_read_is_two_lines(trained, photos):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"no picture")
    data = data_of(trained, None, str(photos), None)
    with pytest.raises(UserError) as caught:
        evaluate_network(trained, data, choose_display(quiet=True), Wanted())
    assert "can be read" in str(caught.value)
    assert "effjax data check" in str(caught.value)


def test_a_network_of_nan_is_wrong_and_says_so(trained, photos, tmp_path, capsys):
    broken = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), trained.variables)
    broken = Trained("nan", trained.base, trained.model, broken, trained.preprocessing, LABELS)
    data = data_of(trained, None, str(photos), None)
    found = evaluate_network(broken, data, Display(), Wanted(out=tmp_path / "out"))
    assert found["top1"] == 0.0
    assert "4 of 4 images are not finite" in capsys.readouterr().out
    assert '"loss": null' in (tmp_path / "out/evaluation.json").read_text()


def test_nan_becomes_null():
    assert without_nan({"a": [1.0, float("nan")], "b": (float("inf"),)}) == {
        "a": [1.0, None],
        "b": [None],
    }


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def no_room(self, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", no_room)
    with pytest.raises(OSError, match="No space"):
        write_numbers(tmp_path / "evaluation.json", {"a": 1.0})
    assert not list(tmp_path.iterdir())
