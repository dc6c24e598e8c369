"""Evolution that keeps a front.

A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II (Deb et al., 2002)
"""

import dataclasses
from collections.abc import Sequence

from effjax.ranges import Count, Share
from effjax.search.evaluations import Evaluated
from effjax.search.problem import Problem, Spent
from effjax.search.registry import STRATEGIES, Chosen
from effjax.search.space import Point
from effjax.search.strategies.evolution import child_maker


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
        one = int(problem.rng.integers(len(members)))
        other = int(problem.rng.integers(len(members)))
        winner = min(one, other, key=lambda place: ranks[place])
        return members[winner].point

    def make() -> Point:
        child = child_maker(problem, parent, crossover)()
        if child in new:
            # one that this generation has already is changed further
            return problem.space.mutate(child, problem.rng)
        return child

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
        first = order[0]
        last = order[-1]
        distances[first] = float("inf")
        distances[last] = float("inf")
        least = front[first].goals[goal]
        most = front[last].goals[goal]
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
