import json

import numpy as np
import pytest

from effjax.models import create_model, read_architecture
from effjax.search.mixers.export import export, softmax
from effjax.search.mixers.supernet import blocks_of
from tests.search.mixers.small import CHOICES, FIRST, SECOND, space_of


def test_the_folder_says_what_was_found_and_how(tmp_path):
    space = space_of(*CHOICES)
    blocks = blocks_of(space, (0, 0))
    alphas = {FIRST: np.array([0.0, 3.0, 0.0, 0.0]), SECOND: np.array([1.0, 0.0])}
    noted = [{FIRST: 0, SECOND: 1}, {FIRST: 1, SECOND: 0}]
    memory = {"steps": np.array([0, 4]), "eigenvalues": np.array([np.nan, 0.5])}
    export(space, blocks, alphas, noted, memory, None, tmp_path)
    name, fields = read_architecture(tmp_path / "architecture.json")
    assert create_model(name, **fields).architecture.mixers == space.decode((1, 0)).mixers
    record = json.loads((tmp_path / "search.json").read_text())
    assert record["stopped_at_step"] is None
    assert record["found"] == {FIRST: "pooling", SECOND: "depthwise5"}
    assert record["probabilities"][SECOND]["depthwise5"] == pytest.approx(1 / (1 + np.exp(-1)))
    assert record["way"] == [
        {"step": 0, "skips": 2, "pools": 0, "depth": 0},
        {"step": 4, "skips": 0, "pools": 1, "depth": 1, "eigenvalue": 0.5},
    ]
    assert (tmp_path / "mixers.png").stat().st_size > 0


def test_no_probability_is_zero():
    assert np.log(softmax([0.0, 2000.0])).min() > -1000
