import json

import numpy as np

from effjax.models import create_model, read_architecture
from effjax.search.cells.export import export

CELL = (("sep_conv_3x3", 0), ("skip_connect", 1))


def test_the_folder_says_what_was_found_and_how(tmp_path):
    cells = {"normal": CELL, "reduce": CELL}
    fields = {**cells, "normal_concat": (2,), "reduce_concat": (2,)}
    architecture = create_model("darts_v2", **fields).architecture
    memory = {"steps": np.array([0, 4]), "eigenvalues": np.array([0.5, np.nan])}
    export("darts_v2", architecture, cells, [cells, cells], memory, 1, tmp_path)
    name, read = read_architecture(tmp_path / "architecture.json")
    assert create_model(name, **read).architecture == architecture
    record = json.loads((tmp_path / "search.json").read_text())
    assert record["stopped_at_step"] == 4
    assert record["found"]["normal"] == {"skips": 1, "depth": 1}
    assert record["way"][0]["eigenvalue"] == 0.5
    assert "eigenvalue" not in record["way"][1]
    assert (tmp_path / "cells.png").stat().st_size > 0
