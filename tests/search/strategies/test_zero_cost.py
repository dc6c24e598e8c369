"""The shortlist of scores, from a table and from networks."""

import pytest

from effjax.costs import Budget
from effjax.errors import UserError
from effjax.search.choices import Choice
from effjax.search.objectives import ByTable
from effjax.search.problem import Problem
from effjax.search.registry import find_strategy
from effjax.search.space import ArchSpace
from effjax.search.table import Row, Table
from tests.search.strategies.test_perturb import MIXERS, problem_of

SPACE = ArchSpace(
    "convformer_s18",
    [Choice("mlp_ratio", (1.0, 2.0, 3.0)), Choice("mlp_bias", (False, True))],
)


def table_problem(evaluations, budgets=()):
    """Values rise with both indices; score `good` agrees, `bad` says the opposite."""
    rows = []
    for point in SPACE.points():
        value = point[0] + 0.5 * point[1]
        scores = {"good": value**3, "bad": -value, "flat": 1.0}
        rows.append(Row(point, (value, value), {"macs": 10 * point[0] + 1}, scores))
    table = Table(SPACE, "val/top1", rows)
    return Problem(SPACE, ByTable(table), evaluations, budgets=budgets)


def chosen(problem, *proxies):
    find_strategy("zero_cost")(problem, proxies=proxies)
    return problem.best.point


def test_one_evaluation_is_the_choice_of_the_score():
    problem = table_problem(1)
    assert chosen(problem, "good") == (2, 1)
    assert len(problem.history) == 1
    assert chosen(table_problem(1), "bad") == (0, 0)


def test_scores_vote_by_ranks():
    """A flat score and one vote beside it: the vote decides."""
    assert chosen(table_problem(1), "flat", "good") == (2, 1)
    assert chosen(table_problem(1), "good", "bad", "good") == (2, 1)


def test_more_evaluations_take_the_best_of_the_shortlist():
    problem = table_problem(6)
    assert chosen(problem, "bad") == (2, 1)
    assert [evaluated.value for evaluated in problem.history] == sorted(
        evaluated.value for evaluated in problem.history
    )


def test_the_budget_holds():
    problem = table_problem(1, [Budget("macs", 12)])
    assert chosen(problem, "good") == (1, 1)


def test_an_unknown_score_is_refused():
    problem = table_problem(1)
    with pytest.raises(UserError, match="zero-cost score"):
        chosen(problem, "synflux")


def test_networks_are_scored_where_there_is_no_table():
    choices = [Choice(f"stages_{stage}.blocks_0.mixer", MIXERS) for stage in range(2)]
    problem = problem_of(*choices)
    find_strategy("zero_cost")(problem, proxies=("params",), samples=9, images=6)
    # a depthwise convolution in both blocks has the most parameters
    assert problem.best.point == (2, 2)
