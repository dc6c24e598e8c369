"""What the report is made of; that it is written is a test of the suite."""

import types

from effjax.bench.report import gather_rows, make_goals
from effjax.bench.tuning import make_trials
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
    """Those of the config's workloads and settings, and all of the baselines; each once."""
    view = View(small_config())
    trials = make_trials("adamw", view.optimizers["adamw"], view.tuning, "constant")
    made = ROWS[0] | {"problem_hash": "p", "optimizer": "adamw", "schedule": "constant"}
    mine = [made | {"key": trial.key("p")} for trial in trials[:2]]
    other = [made | {"optimizer": "lion", "key": "x"}]
    strange = [made | {"problem_hash": "q", "key": trials[0].key("q")}]
    # merged from a config with more rates: its optimizer would have had more tries
    of_another_tuning = [made | {"key": "z"}]
    monkeypatch.setattr("effjax.bench.report.read_rows", lambda place: [*mine, *other])
    rows = [*mine, *other, *strange, *of_another_tuning]
    found = gather_rows(view, [make_workload("p")], rows)
    assert [row["key"] for row in found] == [row["key"] for row in mine]
    assert {row["workload"] for row in found} == {"easy"}  # whatever the rows called it
    view = types.SimpleNamespace(
        baselines=("elsewhere",), optimizers=view.optimizers, tuning=view.tuning
    )
    found = gather_rows(view, [make_workload("p")], mine)
    assert [row["optimizer"] for row in found] == ["adamw", "adamw", "lion"]
