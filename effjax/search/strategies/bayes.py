"""Bayesian optimisation: a regression of the values seen, and the point that promises most.

Codes of points and, where costs are counted, the logarithm of their multiply-adds are what the
regression sees. Neural Architecture Search with Bayesian Optimisation and Optimal Transport
(https://arxiv.org/abs/1802.07191) and BANANAS (https://arxiv.org/abs/1910.11858) are of the kind.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from effjax.ranges import Count, Share
from effjax.search.generator.proposals import Proposals
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES
from effjax.search.regression import best_linear, best_process, expected_improvement
from effjax.search.space import Point

PARENTS = 4  # whose neighbours are candidates too
LEAST_SPREAD = 1e-12


@STRATEGIES.register("bayes", "a regression on codes, and the point of the greatest expected gain")
def bayes(
    problem: Problem,
    *,
    model: Literal["process", "linear"] = "process",
    encoding: str = "one_hot",
    initial: Count = 8,
    pool: Count = 256,
    costs: bool = False,
    generator: Share = 0.0,
) -> None:
    """Evaluates random points, then one after another the one with the best expectation.

    Args:
      problem: what is searched.
      model: a Gaussian process, or Bayesian linear regression.
      encoding: of the points.
      initial: random points at first; at most half of the evaluations.
      pool: random points among which the next is looked for, beside the neighbours of the best.
      costs: whether the regression sees the logarithm of multiply-adds too.
      generator: share of the pool that a generator draws, which learns from all evaluations.
    """
    proposals = Proposals(problem)
    start = max(2, min(initial, problem.evaluations // 2))
    while problem.left >= 1:
        point = None
        if len(problem.history) >= start:
            generated = [proposals.draw() for _ in range(round(generator * pool))]
            candidates = _candidates(problem, pool - len(generated), generated)
            point = _most_promising(problem, candidates, model, encoding, costs)
        if point is None:
            point = problem.draw()
        if point is None:  # the whole space was seen
            return
        problem.evaluate(point)


def _most_promising(
    problem: Problem,
    candidates: Sequence[Point],
    model: str,
    encoding: str,
    costs: bool,
) -> Point | None:
    """The candidate with the greatest expected improvement; None where too little is known."""
    known = [entry for entry in problem.history if math.isfinite(entry.value)]
    if len(known) < 2 or not candidates:
        return None
    x = _codes(problem, [entry.point for entry in known], encoding, costs)
    values = np.asarray([entry.value for entry in known])
    spread = max(float(values.std()), LEAST_SPREAD)
    y = (values - values.mean()) / spread
    fitted: Any = best_process(x, y) if model == "process" else best_linear(x, y)
    mean, variance = fitted.predict(_codes(problem, candidates, encoding, costs))
    promise = expected_improvement(mean, np.sqrt(variance), float(y.max()))
    return candidates[int(np.argmax(promise))]


def _candidates(
    problem: Problem,
    pool: int,
    generated: Sequence[Point],
) -> list[Point]:
    """Random and generated points, and the neighbours of the best ones: allowed and new."""
    found = dict.fromkeys(problem.random_points(pool))
    found |= dict.fromkeys(point for point in generated if problem.allows(point))
    best = sorted(problem.history, key=lambda entry: -entry.value)[:PARENTS]
    for entry in best:
        for point in problem.space.neighbours(entry.point):
            if point not in found and problem.allows(point):
                found[point] = None
    return [point for point in found if problem.is_new(point)]


def _codes(
    problem: Problem,
    points: Sequence[Point],
    encoding: str,
    costs: bool,
) -> np.ndarray:
    """[n, D], with a column of costs if they are wanted."""
    codes = problem.codes(points, encoding)
    if not costs:
        return codes
    macs = [math.log(problem.cost(point, "macs")) for point in points]
    return np.concatenate([codes, np.asarray(macs)[:, None]], axis=1)
