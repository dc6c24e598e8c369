"""What the report is made of; that it is written is a test of the suite."""

import types

from effjax.bench.report import gather_rows, make_goals
from effjax.bench.workloads import Workload
from effjax.config import View
from tests.bench.configs import small_config, small_workload
from tests.bench.test_scoring import ROWS


def make_workload(problem_hash):
    identity = {"workload": "easy", "workload_hash": "t", "problem_hash": problem_hash}
    return Workload("easy", View(small_workload()), identity, "c", None)


def test_goals():
    goal = make_goals([make_workload("p")])["easy"]
    assert (goal.metric, goal.target, goal.max_steps, goal.batch_size) == ("val/loss", 2.0, 20, 64)


def test_rows_that_count(monkeypatch):
    """Those of the config's workloads and optimizers, and all of the baselines; each once."""
    mine = [row | {"problem_hash": "p", "optimizer": "adamw"} for row in ROWS[:2]]
    other = [row | {"problem_hash": "p", "optimizer": "lion", "key": "x"} for row in ROWS[:1]]
    strange = [row | {"problem_hash": "q", "optimizer": "adamw", "key": "y"} for row in ROWS[:1]]
    monkeypatch.setattr("effjax.bench.report.read_rows", lambda place: [*mine, *other])
    view = View(small_config())
    found = gather_rows(view, [make_workload("p")], [*mine, *other, *strange])
    assert [row["key"] for row in found] == [row["key"] for row in mine]
    assert {row["workload"] for row in found} == {"easy"}  # whatever the rows called it
    view = types.SimpleNamespace(baselines=("elsewhere",), optimizers=view.optimizers)
    found = gather_rows(view, [make_workload("p")], mine)
    assert [row["optimizer"] for row in found] == ["adamw", "adamw", "lion"]
