"""The face of pruning."""

import json

import pytest

import effjax
from effjax.compress.run import check_is_compression, show
from effjax.errors import UserError


def test_a_config_that_prunes_nothing_is_refused():
    with pytest.raises(UserError, match="'classification' prunes nothing"):
        check_is_compression(effjax.default_config())


def test_the_table_shows_what_is_left(tmp_path):
    paths = {"live_weights": 9, "live_nodes": 4, "log_paths": 1.5}
    layers = {"a": {"kept": 10, "of": 100}}
    record = {"density": 0.1, "layers": layers, "paths": paths}
    (tmp_path / "compress.json").write_text(json.dumps(record))
    lines = []
    display = type("Lines", (), {"line": lambda self, text: lines.append(text)})()
    show([("method", tmp_path, {"final": {"val/top1": 91.5}})], display)
    assert "10 %" in lines[-1]
    assert "91.50" in lines[-1]
