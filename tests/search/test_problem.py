"""What a strategy may ask, and that a search which was stopped goes on to the bit."""

import time

import pytest

from effjax.costs import Budget
from effjax.errors import UserError
from effjax.search.evaluations import EVALUATIONS
from effjax.search.objectives import ByFunction, ByTable
from effjax.search.problem import Problem, Spent
from effjax.search.registry import find_strategy
from effjax.search.table import Row, Table
from effjax.search.time_taken import Seconds


def test_evaluations_are_counted_once(problem):
    asked = problem(2)
    assert asked.evaluate((2, 1, 1, 1)) == 5
    assert asked.evaluate((2, 1, 1, 1)) == 5  # known: free
    assert asked.evaluate((1, 0, 1, 0)) == 1  # the value of the canonical point
    assert asked.left == 0
    with pytest.raises(Spent):
        asked.evaluate((0, 0, 0, 0))
    assert asked.best.point == (2, 1, 1, 1)


def test_as_many_as_there_are_left_are_made(problem):
    asked = problem(2)
    with pytest.raises(Spent):
        asked.evaluate_all([(0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0)])
    assert len(asked.history) == 2


def test_no_share_of_a_function(problem):
    with pytest.raises(UserError, match="of a training is asked for"):
        problem().evaluate((0, 0, 0, 0), share=0.5)


def test_draws_are_allowed_and_new(problem, costs):
    limit = costs.of((0, 0, 0, 1), "macs")
    asked = problem(100, budgets=[Budget("macs", limit)])
    drawn = []
    while (point := asked.draw()) is not None:
        assert costs.of(point, "macs") <= limit
        asked.evaluate(point)
        drawn.append(point)
    assert len(drawn) == len(set(drawn)) > 1


def test_a_share_is_of_the_base(problem, costs):
    asked = problem(budgets=[Budget("macs", "1.0x")])
    assert asked.budgets[0].limit == costs.of_base("macs")


def test_a_search_goes_on_to_the_bit(problem, tmp_path):
    strategy = find_strategy("random")
    whole = problem(8)
    strategy(whole)

    calls = []

    def dies_at_five(point):
        calls.append(point)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return sum(point)

    with pytest.raises(KeyboardInterrupt):
        strategy(problem(8, function=dies_at_five, workdir=tmp_path))
    # a process that is killed leaves half a line
    with (tmp_path / EVALUATIONS).open("a") as file:
        file.write('{"point": [0')
    text = (tmp_path / EVALUATIONS).read_text()
    (tmp_path / EVALUATIONS).write_text(text[: text.rindex("\n") + 1])
    made = []

    def counted(point):
        made.append(point)
        return sum(point)

    again = problem(8, function=counted, workdir=tmp_path)
    strategy(again)
    assert [(e.point, e.value) for e in again.history] == [
        (e.point, e.value) for e in whole.history
    ]
    assert len(made) == 4  # the others were in the file


def test_every_second_is_counted_once(problem, tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def value(point):
        clock[0] += 10.0  # of an evaluation
        return sum(point)

    def strategy(asked):
        clock[0] += 1.0  # of its own
        asked.evaluate((0, 0, 0, 0))
        asked.train(None, tmp_path / "supernet")
        clock[0] += 2.0

    def train(config, folder, display):
        clock[0] += 5.0  # of the last sitting
        return {"wall_seconds": 40.0, "final": {"perf/compile_sec": 30.0}}

    monkeypatch.setattr("effjax.search.problem.train", train)
    for sitting in range(2):
        asked = problem(2, function=value, workdir=tmp_path)
        asked.evaluate((2, 0, 0, 0))  # by no strategy
        with asked.watch.running():
            strategy(asked)
        # an evaluation that is in the file took what it took when it was made
        assert asked.took == Seconds(1 + 2 + 2 * 10 + 40, 30), sitting


@pytest.fixture
def table(space):
    rows = [Row(point, (sum(point),), {"macs": 10 + sum(point)}) for point in space.points()]
    return Table(space, "val/top1", rows[::2])


def test_with_a_table_only_its_points(space, table):
    asked = Problem(space, ByTable(table), 100, budgets=[Budget("macs", 12)])
    known = {row.point for row in table.rows if row.costs["macs"] <= 12}
    found = asked.propose(lambda: (2, 1, 1, 1))
    assert found in known
    while (point := asked.draw()) is not None:
        asked.evaluate(point)
    assert {evaluated.point for evaluated in asked.history} == known
    assert asked.propose(lambda: (2, 1, 1, 1)) is None
    with pytest.raises(UserError, match="no row of the table is within the budget"):
        Problem(space, ByTable(table), 3, budgets=[Budget("macs", 2)])


def test_random_points(problem):
    points = list(problem().random_points(10))
    assert len(set(points)) == 10


def test_no_evaluations(space):
    with pytest.raises(UserError, match="evaluations = 0"):
        Problem(space, ByFunction(sum), 0)


def test_images_without_a_config(problem):
    images, labels = problem().batch(0, size=3)
    assert images.shape == (3, 8, 8, 3)
    assert labels.tolist() == [0, 1, 2]
