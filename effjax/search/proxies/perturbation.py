"""Decides the options of a supernet by what a score loses when one is taken out.

Zero-Cost-PT, Xiang et al., https://arxiv.org/abs/2106.13219: at an undecided edge each option is
taken out of the supernet in turn; the one whose absence leaves the *smallest* score is kept, the
others go, and the next edge follows.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

Edge = int
Option = int
Decided = Mapping[Edge, Option]
# (what is decided, the edge and the option taken out) -> the supernet's score
Score = Callable[[Decided, Edge, Option], float]
Order = Literal[
    "order",
    "reverse",
    "random",
    "global_op_greedy",
    "global_edge_greedy",
    "global_op_once",
    "global_edge_once",
]
ORDERS = get_args(Order)


@dataclasses.dataclass(frozen=True)
class Decision:
    """One edge's option, and the score without each of its options."""

    edge: Edge
    option: Option
    scores: tuple[float, ...]


def perturb(
    score: Score,
    counts: Sequence[int],
    order: Order = "random",
    edges: Sequence[Edge] = (),
    as_published: bool = False,
) -> list[Decision]:
    """The decisions in the order in which they fall.

    Args:
      score: see `Score`; with the options of a decided edge, one alone is left.
      counts: the number of options of each edge.
      order: "order" first edge first; "reverse" last first; "random" that of `edges`; the greedy
        ones score all undecided pairs before each decision and take the pair with the smallest
        score, or the edge with the smallest mean; the "once" ones rank the edges so at the start.
      as_published: "once" goes from the last edge to the first, since the published code ranks the
        edges and then forgets the ranking.
    """
    if order == "global_op_greedy":
        return _greedy(score, counts, min)
    if order == "global_edge_greedy":
        return _greedy(score, counts, np.mean)
    decisions: list[Decision] = []
    for edge in _sequence(score, counts, order, edges, as_published):
        decisions.append(_decide(score, counts, _decided(decisions), edge))
    return decisions


def _sequence(
    score: Score, counts: Sequence[int], order: Order, edges: Sequence[Edge], as_published: bool
) -> list[Edge]:
    if order == "random":
        return list(edges)
    if order == "order":
        return list(range(len(counts)))
    if order == "reverse" or as_published:
        return list(reversed(range(len(counts))))
    merit = min if order == "global_op_once" else np.mean
    ranked = [_decide(score, counts, {}, edge) for edge in range(len(counts))]
    ranked.sort(key=lambda decision: merit(decision.scores))
    return [decision.edge for decision in ranked]


def _greedy(
    score: Score, counts: Sequence[int], merit: Callable[[Sequence[float]], float]
) -> list[Decision]:
    decisions: list[Decision] = []
    while len(decisions) < len(counts):
        decided = _decided(decisions)
        open_edges = [edge for edge in range(len(counts)) if edge not in decided]
        found = [_decide(score, counts, decided, edge) for edge in open_edges]
        decisions.append(min(found, key=lambda decision: merit(decision.scores)))
    return decisions


def _decide(score: Score, counts: Sequence[int], decided: Decided, edge: Edge) -> Decision:
    scores = tuple(score(decided, edge, option) for option in range(counts[edge]))
    return Decision(edge, int(np.argmin(scores)), scores)


def _decided(decisions: Sequence[Decision]) -> dict[Edge, Option]:
    return {decision.edge: decision.option for decision in decisions}
