"""PR-DARTS as a strategy: gates that open on their own, and a reward for depth."""

from effjax.ranges import BelowOne, Count, NotNegative, Positive
from effjax.search.cells.run import search_cells
from effjax.search.cells.spaces import DartsSpace
from effjax.search.mixers.run import refuse_sizes, search_mixers
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen


@STRATEGIES.register(
    "pr_darts", "cells or mixers by gradient: gates, group penalties, a reward for depth"
)
def pr_darts(
    problem: Problem,
    *,
    epochs: Positive | None = None,
    width: Count | None = None,
    layers: Count | None = None,
    alpha_rate: Positive | None = None,
    selected: Count = 2,
    dropped: BelowOne = 0.4,
    tau: tuple[Positive, Positive] = (1.0, 0.1),
    skip_penalty: NotNegative = 0.01,
    other_penalty: NotNegative = 0.005,
    chain_reward: NotNegative = 0.005,
    margin: BelowOne = 0.2,
) -> Chosen:
    """https://arxiv.org/abs/2006.16537; options: see `PrDartsConfig`, defaults as published.

    Args:
      epochs: None: 200 for cells; for mixers as long as a training of the config.
      width, layers: of the supernet of cells; None: 16 and 6. That of mixers has the sizes of the
        base architecture.
      alpha_rate: the learning rate of alphas; None: 3e-4 for cells, 0.01 for mixers.
    """
    keys = {
        "selected": selected,
        "dropped": dropped,
        "tau": tau,
        "skip_penalty": skip_penalty,
        "other_penalty": other_penalty,
        "chain_reward": chain_reward,
        "margin": margin,
    }
    if not isinstance(problem.space, DartsSpace):
        refuse_sizes("pr_darts", width=width, layers=layers)
        return search_mixers(problem, "pr_darts", keys, epochs, alpha_rate)
    keys |= {"search_width": width or 16, "search_layers": layers or 6}
    return search_cells(
        problem,
        "pr_darts",
        keys,
        epochs or 200.0,
        nesterov=True,
        weight_decay=5e-4,
        alpha_rate=alpha_rate,
    )
