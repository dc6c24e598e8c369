"""DARTS as a strategy: one training of a network in which all cells, or all mixers, live."""

from typing import Literal

from effjax.ranges import Count, NotNegativeInt, Positive
from effjax.search.cells.run import search_cells
from effjax.search.cells.spaces import DartsSpace
from effjax.search.mixers.run import refuse_sizes, search_mixers
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen


@STRATEGIES.register("darts", "cells or mixers by gradient: softmax mixtures of operations")
def darts(
    problem: Problem,
    *,
    epochs: Positive | None = None,
    width: Count | None = None,
    layers: Count | None = None,
    alpha_rate: Positive | None = None,
    order: Literal["first", "second"] = "second",
    derivative: Literal["exact", "finite_difference"] = "exact",
    stop: Literal["never", "eigenvalue", "skips"] = "never",
    curvature_batches: NotNegativeInt = 0,
) -> Chosen:
    """https://arxiv.org/abs/1806.09055; options: see `DartsConfig`, defaults as published.

    Args:
      epochs: None: 50 for cells; for mixers as long as a training of the config.
      width, layers: of the supernet of cells; None: 16 and 8. That of mixers has the sizes of the
        base architecture.
      alpha_rate: the learning rate of alphas; None: 3e-4 for cells, 0.01 for mixers.
    """
    keys = {
        "order": order,
        "derivative": derivative,
        "stop": stop,
        "curvature_batches": curvature_batches,
    }
    if not isinstance(problem.space, DartsSpace):
        refuse_sizes("darts", width=width, layers=layers)
        return search_mixers(problem, "darts", keys, epochs, alpha_rate)
    keys |= {"search_width": width or 16, "search_layers": layers or 8}
    return search_cells(
        problem,
        "darts",
        keys,
        epochs or 50.0,
        nesterov=False,
        weight_decay=3e-4,
        alpha_rate=alpha_rate,
    )
