"""The most probable point that the budgets allow.

What a mixer adds to parameters, multiply-adds and latency does not depend on the other blocks, so
that no more than one network for each option is counted. The peak of memory is no sum: points are
counted one by one, the most probable first.

Shapes: N choices, U units.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from effjax.errors import UserError
from effjax.search.problem import Problem
from effjax.search.space import Point

ADDITIVE = ("params", "macs", "latency")
ROUNDING = 1e-9  # of sums of milliseconds: what they let through is counted exactly


def best_point(problem: Problem, held: Point, scores: Mapping[int, Sequence[float]]) -> Point:
    """The point with the greatest sum of scores that is within the budgets.

    Args:
      held: the options of all choices that have no scores.
      scores: {number of a choice: the score of each of its options}.

    Raises:
      UserError: there is none.
    """
    numbers = sorted(scores)
    rows = [list(scores[number]) for number in numbers]
    known = problem.candidates()
    if known is not None:
        found = _best_of(known, held, scores)
    else:
        found = _best_allowed(problem, held, numbers, rows)
    if found is None:
        paths = [choice.path for choice in problem.space.choices]
        others = [path for number, path in enumerate(paths) if number not in scores]
        kept = f" while {', '.join(others)} stay as they are" if others else ""
        raise UserError(f"no choice of mixers meets the budget{kept}; raise the budget")
    return problem.space.canonical(found)


def _best_of(
    points: Sequence[Point], held: Point, scores: Mapping[int, Sequence[float]]
) -> Point | None:
    """The best of listed points that have the held options."""
    fitting = []
    for point in points:
        pairs = enumerate(zip(point, held))
        if all(number in scores or own == kept for number, (own, kept) in pairs):
            fitting.append(point)

    def score(point: Point) -> float:
        return sum(row[point[number]] for number, row in scores.items())

    return max(fitting, key=score, default=None)


def _best_allowed(
    problem: Problem, held: Point, numbers: Sequence[int], rows: Sequence[Sequence[float]]
) -> Point | None:
    def point_of(indices: Sequence[int]) -> Point:
        point = list(held)
        for number, index in zip(numbers, indices):
            point[number] = index
        return tuple(point)

    first = point_of([int(np.argmax(row)) for row in rows])
    if problem.allows(first):
        return first
    budgets = [budget for budget in problem.budgets if budget.unit in ADDITIVE]

    def costs_of(indices: Sequence[int]) -> np.ndarray:
        point = point_of(indices)
        return np.array([problem.cost(point, budget.unit) for budget in budgets])

    spent = costs_of([0] * len(rows))
    limits = np.array([budget.limit for budget in budgets])
    room = limits + ROUNDING * np.abs(limits) - spent
    added = added_costs(costs_of, [len(row) for row in rows], spent)
    is_sum = len(budgets) == len(problem.budgets)
    for indices in in_order(rows, added, room, skip_dearer=is_sum):
        point = point_of(indices)
        if problem.allows(point):
            return point
    return None


def added_costs(
    costs_of: Callable[[Sequence[int]], np.ndarray], options: Sequence[int], spent: np.ndarray
) -> list[np.ndarray]:
    """For each choice [options, U]: what an option costs more than the first one of all.

    Args:
      costs_of: costs [U] of the network with these options.
      options: how many each choice has.
      spent: [U], of the first option everywhere.
    """
    added = []
    for place, count in enumerate(options):
        costs = []
        for index in range(count):
            indices = [0] * len(options)
            indices[place] = index
            costs.append(costs_of(indices) - spent)
        added.append(np.array(costs))
    return added


def in_order(
    scores: Sequence[Sequence[float]],
    costs: Sequence[np.ndarray],
    room: np.ndarray,
    skip_dearer: bool,
) -> Iterator[tuple[int, ...]]:
    """Choices whose costs fit into `room`, the greatest sum of scores first.

    The beginnings of choices are looked at in the order of the best sum that they can reach.

    Args:
      scores: N lists, of the options of each choice.
      costs: N arrays [options, U].
      room: [U].
      skip_dearer: leave out what costs as much as something with a better score in all units.
    """
    nothing = np.zeros_like(room)
    # from choice n on: the best scores together [N + 1], and the least costs [N + 1, U]
    best_rest = _sums_from(np.array([max(row) for row in scores]))
    least_costs = np.zeros((len(costs), len(room)))
    for place, cost in enumerate(costs):
        least_costs[place] = cost.min(0)
    least_rest = _sums_from(least_costs)
    # (-best sum that can be reached, options so far, their score): a heap pops the least
    heap: list[tuple[float, tuple[int, ...], float]] = [(-best_rest[0], (), 0.0)]
    spent_by = {(): nothing}
    costs_before: dict[int, list[np.ndarray]] = {}  # by the number of options so far
    while heap:
        _, picked, score = heapq.heappop(heap)
        spent = spent_by.pop(picked)
        depth = len(picked)
        if skip_dearer:
            # of one length, those that came before have the better scores
            before = costs_before.setdefault(depth, [])
            if any((other <= spent).all() for other in before):
                continue
            before.append(spent)
        if depth == len(scores):
            yield picked
            continue
        for index, own_score in enumerate(scores[depth]):
            longer_spent = spent + costs[depth][index]
            # not even with the cheapest of all that follows
            if (longer_spent + least_rest[depth + 1] > room).any():
                continue
            longer = (*picked, index)
            longer_score = score + own_score
            spent_by[longer] = longer_spent
            heapq.heappush(heap, (-(longer_score + best_rest[depth + 1]), longer, longer_score))


def _sums_from(values: np.ndarray) -> np.ndarray:
    """[N + 1, ...]: the sums of values [N, ...] from each place to the end; 0 behind the last."""
    nothing = np.zeros((1, *values.shape[1:]))
    from_the_end = np.concatenate([nothing, values[::-1]])
    return np.cumsum(from_the_end, axis=0)[::-1]
