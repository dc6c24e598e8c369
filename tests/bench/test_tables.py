"""Tables of rows made by hand."""

import math

import ml_collections

from effjax.bench.scoring import Scores
from effjax.bench.tables import (
    claims_table,
    costs_table,
    describe_ratio,
    failures_table,
    finals_table,
    flat_rows,
    score_table,
    times_table,
)
from effjax.config import View
from effjax.report.statistics import Interval
from tests.bench.test_scoring import GOAL, ROWS

TABLE = Scores([row | {"name": "adamw", "reason": "why"} for row in ROWS], {"w": GOAL}, "b")


def test_scores_in_words():
    header, body = score_table(TABLE)
    rows = {row[0]: dict(zip(header, row)) for row in body}
    assert list(rows) == ["a", "b"]
    assert rows["b"]["verdict"] == "reference"
    assert rows["b"]["failed"] == "1/4"
    assert rows["a"]["steps, b / own"].startswith("1.41 (")
    assert rows["a"]["targets"] == "1/1"


def test_claims_on_all_and_on_each():
    view = View(ml_collections.ConfigDict({"claims": (("a", 1.2), ("a", 9.0))}))
    header, body = claims_table(view, TABLE)
    assert header[-1] == "w"
    # Student's interval of two pairs is wide: 1.41 times 2 to the 6.35 (0.5 times 12.7)
    assert body[0][-1] == "1.41 (0.02 to 115.61): cannot be told"
    assert [row[4] for row in body] == ["not distinguishable", "not true here"]


def test_times():
    assert times_table(TABLE, "steps")[1] == [["a", "30"], ["b", "40"]]


def test_a_best_setting_at_the_edge_says_so():
    _, body = finals_table(TABLE)
    assert [row[-1] for row in body] == ["learning_rate 0.1 (edge)"] * 2
    between = [row | {"settings": {"learning_rate": 0.01}} for row in ROWS[2:4]]
    _, body = finals_table(Scores([*ROWS, *between], {"w": GOAL}, "b"))
    assert body[0][-1] == "learning_rate 0.1"


def test_failures_are_told_once_for_all_seeds():
    rows = [row | {"status": "diverged", "reason": "why"} for row in ROWS[:3]]
    _, body = failures_table([*rows, ROWS[4]])
    assert [line[2] for line in body] == ["0, 1", "0"]


def test_costs_of_a_step():
    header, body = costs_table(TABLE)
    assert dict(zip(header, body[0]))["w, ms a step"] == "100"  # 4 s for 40 steps
    assert dict(zip(header, body[0]))["state"] == "-"


def test_rows_for_a_spreadsheet():
    header, body = flat_rows([row | {"machine": "m", "reason": ""} for row in ROWS])
    assert len(body) == len(ROWS)
    assert {len(line) for line in body} == {len(header)}
    assert body[0][header.index("val/loss")] == "0.3"


def test_one_pair_has_no_interval():
    assert describe_ratio(Interval(1.321, -math.inf, math.inf)) == "1.32 (one pair)"
    assert describe_ratio(Interval(1.321, 1.1, 1.6)) == "1.32 (1.10 to 1.60)"
