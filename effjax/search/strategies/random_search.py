"""Random search: what every other strategy has to beat."""

from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES


@STRATEGIES.register("random", "points drawn evenly from those within the budget")
def random_search(problem: Problem) -> None:
    """Evaluates random points until none is left; the best of them is the choice."""
    while problem.left >= 1:
        point = problem.draw()
        if point is None:  # the whole space was seen
            return
        problem.evaluate(point)
