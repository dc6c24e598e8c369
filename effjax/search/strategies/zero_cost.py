"""Zero-cost search: many random points, the best by a score of untrained networks.

Abdelfattah et al., https://arxiv.org/abs/2101.08134
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.errors import UserError
from effjax.models import create_model
from effjax.models.registry import fields_of
from effjax.ranges import Count
from effjax.search.correlations import ranked
from effjax.search.problem import Problem
from effjax.search.proxies import PROXIES, Batch, Candidate, apply_of
from effjax.search.proxies.network import Apply, Variables
from effjax.search.registry import STRATEGIES
from effjax.search.shared_program import choice_variables, shared_architecture
from effjax.search.space import Point


@STRATEGIES.register("zero_cost", "random points, those evaluated that zero-cost scores rank first")
def zero_cost(
    problem: Problem,
    *,
    proxies: tuple[str, ...] = ("synflow", "jacob_cov", "snip"),
    samples: Count = 100,
    images: Count = 64,
) -> None:
    """Evaluates the points that rank first, as many as evaluations are allowed.

    Several scores vote: a point's rank is the sum of its ranks. With one evaluation the choice is
    that of the scores alone. A table's own scores are taken where it has them.

    Args:
      proxies: names of scores, see `effjax search --proxies`.
      samples: random points that are scored.
      images: training images that the scores look at.
    """
    for name in proxies:
        if not in_table(problem, name):
            PROXIES.find(name)  # known, or refused before anything is computed
    points = draw_points(problem, samples)
    ranks = np.zeros(len(points))
    for name in proxies:
        values = scores_of(problem, points, name, images)
        ranks += ranked(np.array(values))
    order = np.argsort(-ranks, kind="stable")
    best = [points[int(number)] for number in order]
    problem.evaluate_all(best[: max(1, int(problem.left))])


def draw_points(problem: Problem, samples: int) -> list[Point]:
    """Up to `samples` different random points within the budgets."""
    found: dict[Point, None] = {}
    for _ in range(10 * samples):
        point = problem.draw()
        if point is None or len(found) == samples:
            break
        found[point] = None
    if not found:
        raise UserError("no point is within the budget; raise it")
    return list(found)


def scores_of(problem: Problem, points: Sequence[Point], name: str, images: int) -> list[float]:
    """A score of each point; what is no number ranks last."""
    if in_table(problem, name):
        return [_or_last(problem.table.row(point).scores[name]) for point in points]
    score = PROXIES.find(name)
    batch = Batch(*(jnp.asarray(part) for part in problem.batch(0, images)))
    # networks that differ in their mixers alone share what is compiled, and their first weights
    shared: dict[Any, tuple[Apply, Variables]] = {}
    found = []
    for point in points:
        model = problem.model(point)
        architecture = shared_architecture(problem.space, point)
        if architecture not in shared:
            whole = create_model(problem.space.name, model.num_classes, **fields_of(architecture))
            variables = jax.jit(whole.init)(jax.random.key(problem.seed), batch.images[:1])
            shared[architecture] = apply_of(whole), variables
        apply, variables = shared[architecture]
        variables = {**variables, **choice_variables(problem.space, point)}
        found.append(_or_last(score(Candidate(model, variables, batch, apply, problem.seed))))
    return found


def in_table(problem: Problem, name: str) -> bool:
    """Whether the search is on a table that has this score of every network."""
    return problem.table is not None and all(name in row.scores for row in problem.table.rows)


def _or_last(value: float) -> float:
    return -np.inf if np.isnan(value) else value
