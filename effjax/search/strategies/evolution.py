"""Evolution that keeps a population young.

Regularized Evolution for Image Classifier Architecture Search, https://arxiv.org/abs/1802.01548
"""

import collections
from collections.abc import Callable

import numpy as np

from effjax.ranges import Count, Share
from effjax.search.generator.proposals import Proposals
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES
from effjax.search.space import Point
from effjax.search.students import make_student

POOL = 64  # points among which one with a similar code is looked for


@STRATEGIES.register("evolution", "regularised: the child of the best of a few replaces the oldest")
def evolution(
    problem: Problem,
    *,
    population: Count = 16,
    tournament: Count = 4,
    crossover: Share = 0.25,
    encoding: str = "one_hot",
    generator: Share = 0.0,
    students: Share = 0.0,
) -> None:
    """Evaluates children of good points; the oldest dies, however good it is.

    Args:
      problem: what is searched.
      population: points that are alive; at most half of the evaluations.
      tournament: so many of them are drawn, and the best has a child.
      crossover: share of the children that have a second parent.
      encoding: a child is one other option away; with a learned encoding it is a point whose code
        is close.
      generator: share of the children that a generator proposes, which learns from all evaluations.
      students: share of the others that lose layers and size, as N2N makes students of a network.
    """
    size = max(2, min(population, problem.evaluations // 2))
    proposals = Proposals(problem)
    alive: collections.deque[tuple[float, Point]] = collections.deque(maxlen=size)

    def parent() -> Point:
        drawn = problem.rng.choice(len(alive), size=min(tournament, len(alive)), replace=False)
        _, point = max((alive[place] for place in drawn), key=lambda entry: entry[0])
        return point

    make_child = child_maker(problem, parent, crossover, encoding)

    def make() -> Point:
        # drawn only if there is a choice: without a generator a search stays what it was
        if generator > 0 and problem.rng.random() < generator:
            return proposals.draw()
        if students > 0 and problem.rng.random() < students:
            teacher = parent()
            student = make_student(problem.space, teacher, problem.rng)
            if student != teacher:
                return student
        return make_child()

    while problem.left >= 1:
        point = None
        if len(alive) == size:
            point = problem.propose(make)
        if point is None:
            point = problem.draw()
        if point is None:  # the whole space was seen
            return
        # the deque drops the oldest by itself
        alive.append((problem.evaluate(point), point))


def child_maker(
    problem: Problem,
    parent: Callable[[], Point],
    crossover: float,
    encoding: str = "one_hot",
) -> Callable[[], Point]:
    """Makes children of what `parent` gives."""

    def make() -> Point:
        first = parent()
        if problem.rng.random() < crossover:
            return problem.space.crossover(first, parent(), problem.rng)
        if encoding == "one_hot":
            return problem.space.mutate(first, problem.rng)
        return _close_by(problem, first, encoding)

    return make


def _close_by(
    problem: Problem,
    point: Point,
    encoding: str,
) -> Point:
    """One of the points whose codes are closest, among neighbours and a random pool."""
    pool = dict.fromkeys(problem.space.neighbours(point))
    pool |= dict.fromkeys(problem.random_points(POOL))
    pool.pop(point, None)
    others = list(pool)
    codes = problem.codes([point, *others], encoding)
    distances = ((codes[1:] - codes[0]) ** 2).sum(1)
    closest = np.argsort(distances, kind="stable")[:4]
    return others[int(problem.rng.choice(closest))]
