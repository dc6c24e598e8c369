"""The picture of an elastic network."""

import json

import jax
import pytest

from effjax.compress.elastic.curve import PICTURE, RECORD, measure_curve, plot_curve
from effjax.compress.elastic.measure import open_trained
from effjax.report import choose_display


def test_the_picture_is_written(tmp_path):
    rows = [{"macs": 1e6 * n, "top1": 0.5 + 0.1 * n} for n in (1, 4, 2, 3)]
    plot_curve(rows, tmp_path / PICTURE)
    assert (tmp_path / PICTURE).stat().st_size > 5000


@pytest.mark.slow
def test_the_record_has_the_costs_of_what_was_measured(run):
    with jax.enable_x64(False):
        quiet = choose_display(quiet=True)
        rows = measure_curve(open_trained(run, quiet), run, quiet)
    record = json.loads((run / RECORD).read_text())
    assert record["measured"] == rows
    assert rows[0]["macs"] < rows[1]["macs"]
    assert all(0 <= row["top1"] <= 1 for row in rows)
