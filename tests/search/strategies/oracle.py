"""A space of 500 points whose values add up over the choices, so that the best one is known."""

import numpy as np

from effjax.search.choices import Choice
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from effjax.search.registry import find_strategy
from effjax.search.space import Space

OPTIONS = (5, 5, 5, 4)


class Numbers(Space):
    """Points that stand for themselves."""

    name = "numbers"

    def __init__(self):
        super().__init__([Choice(f"choice{n}", tuple(range(k))) for n, k in enumerate(OPTIONS)])

    def decode(self, point):
        return point

    def resolution(self, point):
        return None


WORTH = [np.random.default_rng((5, n)).standard_normal(k) for n, k in enumerate(OPTIONS)]
BEST = tuple(int(worth.argmax()) for worth in WORTH)


def value_of(point) -> float:
    return float(sum(worth[index] for worth, index in zip(WORTH, point)))


def additive_problem(evaluations, seed, workdir=None, most=None) -> Problem:
    """`most`: evaluations that the whole search has, where this one is cut short."""
    problem = Problem(
        Numbers(), ByFunction(value_of), most or evaluations, seed=seed, workdir=workdir
    )
    if most is not None:
        problem.spent = most - evaluations
    return problem


def evaluations_until_best(strategy, seeds=20, most=500, **options) -> list[int]:
    """For each seed the evaluations until the best point was met; `most` where it was not."""
    numbers = []
    for seed in range(seeds):
        problem = additive_problem(most, seed)
        met = until_best(problem, strategy, options)
        numbers.append(most if met is None else met)
    return numbers


class Met(Exception):
    """The best point was evaluated."""


def until_best(problem, strategy, options):
    made = 0

    def counted(point):
        nonlocal made
        made += 1
        if point == BEST:
            raise Met
        return value_of(point)

    problem.objective = ByFunction(counted)
    try:
        find_strategy(strategy)(problem, **options)
    except Met:
        return made
    return None
