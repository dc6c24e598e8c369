"""Trials that are trained a second time."""

import json

import pytest

from effjax.bench.repeat import compare_rows
from effjax.bench.results import RESULTS
from tests.bench.configs import run, small_config


def test_trained_again(finished, tmp_path):
    """The same curves; and a row that somebody has changed is found."""
    lines = (finished / RESULTS).read_text().splitlines()
    row = json.loads(lines[0])
    row["values"]["val/loss"][1] += 0.5
    (tmp_path / RESULTS).write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    run(small_config(), tmp_path, only_report=True, again=True)
    found = json.loads((tmp_path / "repeats.json").read_text())
    assert [entry["difference"] for entry in found] == [pytest.approx(0.5), 0.0]
    assert "## The same again" in (tmp_path / "report.md").read_text()


def test_a_curve_that_diverged_has_no_difference():
    row = {"workload": "w", "optimizer": "a", "number": 0, "seed": 1, "machine": "m"}
    sound = row | {"values": {"val/loss": [1.0, 0.5]}}
    lost = row | {"values": {"val/loss": [1.0, None]}}
    assert compare_rows(sound, lost, "m")["difference"] is None
    assert compare_rows(sound, sound, "other") == {
        "workload": "w",
        "optimizer": "a",
        "number": 0,
        "seed": 1,
        "same_machine": False,
        "difference": 0.0,
    }
