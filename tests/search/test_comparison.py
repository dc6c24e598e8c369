"""Comparisons: baselines are always there, seeds are paired, a table takes no training."""

import json

import pytest

import effjax
from effjax.costs import Budget
from effjax.report import choose_display
from effjax.search.comparison import Row, arm_search, compare, paired, search_time, table_rows
from effjax.search.options import Search
from effjax.search.table import Row as TableRow
from effjax.search.table import Table
from effjax.search.time_taken import NO_TIME, Seconds
from effjax.search.verb import make_problem
from effjax.trials.runs_table import read_runs


@pytest.fixture
def wanted(space, tmp_path):
    rows = []
    for point in space.points():
        costs = {"params": 5 + sum(point), "macs": 10 + sum(point)}
        rows.append(TableRow(point, (sum(point) / 10,), costs, facts={"seconds": 20.0}))
    path = tmp_path / "table.json"
    Table(space, "val/top1", rows).write(path)
    options = {"population": 4}
    return Search(space, "evolution", Budget("macs", 14), 8, table=str(path), options=options)


@pytest.fixture
def config():
    made = effjax.default_config()
    made.total_steps = 2
    made.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=16)
    made.model.update(name="convformer_s18")
    return made


def test_on_a_table(config, wanted, tmp_path, monkeypatch):
    monkeypatch.setattr("effjax.search.comparison.SEEDS_OF_A_TABLE", 2)
    object.__setattr__(wanted, "compare_seeds", 2)
    rows = compare(config, wanted, tmp_path / "c", choose_display(quiet=True))
    assert [row.arm for row in rows[:4]] == ["evolution", "random", "params", "macs"]
    assert {row.seed for row in rows} == {0, 1}
    assert all(row.cost <= 14 for row in rows)
    assert rows[3].value == 0.4  # the most multiply-adds are the best here
    assert rows[3].spent == 0
    assert rows[0].search.whole >= 8 * 20  # evaluations, and what the strategy computes
    assert rows[3].search.whole < 20
    assert rows[3].training == Seconds(20.0)
    assert len(json.loads((tmp_path / "c/compare.json").read_text())) == 8
    assert [run.value for run in read_runs(tmp_path / "c")] == [row.value for row in rows]
    for picture in ("compare.png", "progress.png"):
        assert (tmp_path / "c" / picture).stat().st_size > 5000


def test_all_searches_share_a_table_of_latencies(config, wanted, tmp_path, monkeypatch):
    seen = set()

    def noted(config, own, *more):
        seen.add(own.latency_table)
        return make_problem(config, own, *more)

    monkeypatch.setattr("effjax.search.comparison.SEEDS_OF_A_TABLE", 1)
    monkeypatch.setattr("effjax.search.comparison.make_problem", noted)
    object.__setattr__(wanted, "compare_seeds", 1)
    compare(config, wanted, tmp_path, choose_display(quiet=True))
    assert seen == {str(tmp_path / "latency.json")}


def test_each_arm_has_its_own_options(wanted):
    object.__setattr__(wanted, "compare_options", {"params": {"samples": 3}})
    assert arm_search(wanted, "params").options == {"samples": 3}
    assert arm_search(wanted, "evolution").options == {"population": 4}
    assert arm_search(wanted, "random").options == {}


def test_verdicts():
    rows = []
    long, short = Seconds(50.0, 20.0), Seconds(10.0, 4.0)
    for seed in range(3):
        rows.append(Row("random", seed, (0,), 5.0, 0.5 + 0.01 * seed, "", 8.0, long, short))
        rows.append(Row("evolution", seed, (1,), 5.0, 0.6 + 0.01 * seed, "", 8.0, long, short))
        rows.append(Row("macs", seed, (1,), 5.0, None, "failed", 0.0, Seconds(1.0), NO_TIME))
    assert paired(rows, "val/top1").verdict("evolution") == "better"
    lines = table_rows(rows, "val/top1", share=0.25)
    assert lines[0][3] == "base"
    assert lines[1][5:7] == ["2", "5 (5)"]  # whole trainings; all seconds
    assert lines[2][3] == "-"
    assert lines[2][6] == "-"  # nothing to divide by


def test_the_time_of_a_search_is_in_trainings_with_and_without_compiling():
    rows = [Row("darts", 0, (0,), 5.0, 0.5, "", 0.0, Seconds(45.0, 21.0), Seconds(18.0, 10.0))]
    assert search_time(rows) == "2.5 (3)"
    # a table knows no compiling
    rows = [Row("random", 0, (0,), 5.0, 0.5, "", 8.0, Seconds(80.0), Seconds(10.0))]
    assert search_time(rows) == "8"
