"""PR-DARTS as a strategy: gates that open on their own, and a reward for depth."""

from effjax.ranges import BelowOne, Count, NotNegative, Positive
from effjax.search.cells.run import search_cells
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen


@STRATEGIES.register("pr_darts", "cells by gradient: gates, group penalties, a reward for depth")
def pr_darts(
    problem: Problem,
    *,
    epochs: Positive = 200.0,
    width: Count = 16,
    layers: Count = 6,
    selected: Count = 2,
    dropped: BelowOne = 0.4,
    tau: tuple[Positive, Positive] = (1.0, 0.1),
    skip_penalty: NotNegative = 0.01,
    other_penalty: NotNegative = 0.005,
    chain_reward: NotNegative = 0.005,
    margin: BelowOne = 0.2,
) -> Chosen:
    """https://arxiv.org/abs/2006.16537; options: see `PrDartsConfig`, defaults as published."""
    network = {
        "search_width": width,
        "search_layers": layers,
        "selected": selected,
        "dropped": dropped,
        "tau": tau,
        "skip_penalty": skip_penalty,
        "other_penalty": other_penalty,
        "chain_reward": chain_reward,
        "margin": margin,
    }
    return search_cells(problem, "pr_darts", network, epochs, nesterov=True, weight_decay=5e-4)
