"""The face of pruning."""

import json

import pytest

import effjax
from effjax.compress.run import arm_config, check_is_compression, compare, show
from effjax.config import load
from effjax.errors import UserError
from effjax.report.progress import Quiet
from effjax.runs.schema import RunConfig
from effjax.trials.runs_table import read_runs


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


def quick():
    return load("configs/compress/prune_digits.py:quick", (), RunConfig)


def test_arms_differ_in_their_masks_alone():
    config = quick()
    shuffled, dense = arm_config(config, "shuffled", 4), arm_config(config, "dense", 4)
    assert (shuffled.seed, shuffled.task.arm, shuffled.task.method) == (4, "shuffled", "synflow")
    assert (dense.task.arm, dense.task.density) == ("method", 1.0)
    assert config.seed == 0
    config.task.arm, config.seed = "shuffled", 4
    assert shuffled.to_dict() == config.to_dict()


def test_no_seed_is_refused(tmp_path):
    with pytest.raises(UserError, match="--seeds=0; give 1 or more"):
        compare(quick(), tmp_path, Quiet(), seeds=0)


@pytest.mark.slow
def test_arms_are_compared_seed_by_seed_and_trained_once(tmp_path):
    table = compare(quick(), tmp_path, Quiet(), seeds=2)
    assert table.variants == ["method", "shuffled", "random", "dense"]
    assert sorted(table.values("dense")) == [0, 1]
    summary = tmp_path / "random/seed1/summary.json"
    written = summary.stat().st_mtime_ns
    again = compare(quick(), tmp_path, Quiet(), seeds=2)
    assert summary.stat().st_mtime_ns == written
    assert again.values("random") == table.values("random")
    assert len(read_runs(tmp_path)) == 8
