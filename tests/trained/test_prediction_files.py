"""Predictions as CSV and JSON."""

import csv
import json

import pytest

from effjax.errors import UserError
from effjax.trained.prediction_files import write_predictions
from tests.trained.test_predictions import FOUND


def test_files(tmp_path):
    rows = FOUND.top(2)
    write_predictions(tmp_path / "p.csv", rows)
    table = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert table[0]["label"] == "cat"
    assert float(table[0]["probability_2"]) == pytest.approx(0.2)
    assert table[1]["error"] == "no picture"
    assert table[2]["label_2"] == "'=eel"  # no formula
    write_predictions(tmp_path / "p.json", rows)
    assert json.loads((tmp_path / "p.json").read_text())[2]["classes"][0]["label"] == "<dog>"
    write_predictions(tmp_path / "p.jsonl", rows)
    lines = (tmp_path / "p.jsonl").read_text().splitlines()
    assert json.loads(lines[1]) == {"file": "b.jpg", "error": "no picture"}
    with pytest.raises(UserError, match=r"p\.xls: did you mean '\.csv'"):
        write_predictions(tmp_path / "p.xls", rows)
