"""Examining a network: what cannot be read, and what is no number."""

import jax
import numpy as np
import pytest

from effjax.evaluate.network import Wanted, data_of, evaluate_network, without_nan, write_numbers
from effjax.report import Display
from effjax.trained.network import Trained
from tests.evaluate.conftest import LABELS


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
