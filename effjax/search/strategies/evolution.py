"""Evolution: one that keeps a population young, and one that keeps a front.

Regularized Evolution for Image Classifier Architecture Search, https://arxiv.org/abs/1802.01548
A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II (Deb et al., 2002)
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from effjax.ranges import Count, Share
from effjax.search.evaluations import Evaluated
from effjax.search.generator.proposals import Proposals
from effjax.search.problem import Problem, Spent
from effjax.search.registry import STRATEGIES, Chosen
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


# ---------------------------------------------------------------------------------- a front


@dataclasses.dataclass(frozen=True)
class Member:
    """A point with what it is good at: (value, minus the cost)."""

    point: Point
    goals: tuple[float, float]


@STRATEGIES.register("nsga2", "NSGA-II: a front of networks, none better and cheaper than another")
def nsga2(
    problem: Problem,
    *,
    unit: str = "macs",
    population: Count = 16,
    crossover: Share = 0.5,
) -> Chosen:
    """Keeps the points that no other one beats in both value and cost, spread along the front.

    Args:
      problem: what is searched; its budgets bound the front.
      unit: of the cost.
      population: points that survive a generation; at most half of the evaluations.
      crossover: share of the children that have a second parent.

    Returns:
      The point with the best value, and the front from the cheapest on.
    """
    size = max(2, min(population, problem.evaluations // 2))
    members: list[Member] = []
    try:
        while problem.left >= 1:
            new = _generation(problem, members, size, crossover)
            if not new:
                break
            problem.evaluate_all(new)
            everyone = [*members, *_members(problem, new, unit)]
            members = survivors(everyone, size)
    except Spent:
        pass  # the last generation was cut short
    whole = [evaluated for evaluated in problem.history if evaluated.share == 1.0]
    front = front_of(_all_members(problem, whole, unit))
    front.sort(key=lambda member: -member.goals[1])
    return Chosen(problem.best.point, front=[member.point for member in front])


def _generation(
    problem: Problem,
    members: Sequence[Member],
    size: int,
    crossover: float,
) -> list[Point]:
    """New points: random ones at first, then children of members that win a tournament of two."""
    ranks = rank(members)
    new: list[Point] = []

    def parent() -> Point:
        one, other = (int(problem.rng.integers(len(members))) for _ in range(2))
        return members[min(one, other, key=lambda place: ranks[place])].point

    def make() -> Point:
        child = child_maker(problem, parent, crossover)()
        # one that this generation has already is changed further
        return problem.space.mutate(child, problem.rng) if child in new else child

    for _ in range(min(size, int(problem.left))):
        point = problem.propose(make) if members else problem.draw()
        if point is None or point in new:
            point = problem.draw()
        if point is not None and point not in new:
            new.append(point)
    return new


def _members(
    problem: Problem,
    points: Sequence[Point],
    unit: str,
) -> list[Member]:
    wanted = set(points)
    evaluated = [entry for entry in problem.history if entry.point in wanted]
    return _all_members(problem, evaluated, unit)


def _all_members(
    problem: Problem,
    evaluated: Sequence[Evaluated],
    unit: str,
) -> list[Member]:
    members = []
    for entry in evaluated:
        goals = (entry.value, -problem.cost(entry.point, unit))
        members.append(Member(entry.point, goals))
    return members


def beats(
    one: Member,
    other: Member,
) -> bool:
    """Whether one is at least as good in both goals, and better in one."""
    pairs = list(zip(one.goals, other.goals))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def front_of(members: Sequence[Member]) -> list[Member]:
    """Those that no other one beats."""
    return [one for one in members if not any(beats(other, one) for other in members)]


def fronts_of(members: Sequence[Member]) -> list[list[Member]]:
    """All members by fronts: the first one, that of the others, and so on."""
    left = list(members)
    fronts = []
    while left:
        front = front_of(left)
        fronts.append(front)
        left = [member for member in left if member not in front]
    return fronts


def crowding(front: Sequence[Member]) -> list[float]:
    """For each member how far its neighbours on the front are apart; the ends are endless."""
    distances = [0.0] * len(front)
    for goal in range(2):
        order = sorted(range(len(front)), key=lambda place: front[place].goals[goal])
        least = front[order[0]].goals[goal]
        most = front[order[-1]].goals[goal]
        distances[order[0]] = distances[order[-1]] = float("inf")
        if most == least:
            continue
        for before, place, after in zip(order, order[1:], order[2:]):
            gap = front[after].goals[goal] - front[before].goals[goal]
            distances[place] += gap / (most - least)
    return distances


def rank(members: Sequence[Member]) -> list[tuple[int, float]]:
    """For each member (its front, minus its crowding distance): less is better."""
    found: dict[Point, tuple[int, float]] = {}
    for number, front in enumerate(fronts_of(members)):
        for member, distance in zip(front, crowding(front)):
            found[member.point] = (number, -distance)
    return [found[member.point] for member in members]


def survivors(
    members: Sequence[Member],
    size: int,
) -> list[Member]:
    """The best `size` by front, and within the last one by crowding."""
    ranks = rank(members)
    order = sorted(range(len(members)), key=lambda place: ranks[place])
    return [members[place] for place in order[:size]]
