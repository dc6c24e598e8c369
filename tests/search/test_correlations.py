"""Rank correlations with ties by hand, and the report of a table."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.search import correlations
from effjax.search.choices import Choice
from effjax.search.space import ArchSpace
from effjax.search.table import Row, Table

SPACE = ArchSpace("convformer_s18", [Choice("mlp_ratio", tuple(map(float, range(1, 9))))])


def test_by_hand():
    a, b = np.array([1.0, 2, 3]), np.array([3.0, 1, 2])
    assert correlations.kendall(a, b) == pytest.approx(-1 / 3)
    assert correlations.spearman(a, b) == pytest.approx(-0.5)
    # tau-b: one pair is tied on one side
    assert correlations.kendall(a, np.array([1.0, 1, 2])) == pytest.approx(2 / np.sqrt(6))
    assert correlations.spearman(a, np.ones(3)) == correlations.kendall(a, np.ones(3)) == 0


def table(networks):
    rows = []
    for number in range(networks):
        scores = {"same": 2.0 * number, "none": float("nan")}
        costs = {"params": 100 - number, "macs": 5}
        rows.append(Row((number,), (number / 10, number / 10), costs, scores))
    return Table(SPACE, "val/top1", rows)


def test_report_of_a_table(tmp_path, capsys):
    path = tmp_path / "x.png"
    found = correlations.show_correlations(table(8), path, choose_display())
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "macs" in line]
    assert line.split() == ["macs", "the", "same", "for", "all"]
    by_name = {one.name: one for one in found}
    assert by_name["same"].spearman.estimate == pytest.approx(1)
    assert by_name["params"].kendall.estimate == pytest.approx(-1)
    assert by_name["macs"].spearman.estimate == 0
    assert by_name["same"].top == pytest.approx(0.7)
    assert "none" not in by_name
    assert path.stat().st_size > 0


def test_few_networks_are_refused():
    with pytest.raises(UserError, match="takes 5"):
        correlations.correlations(table(3))
