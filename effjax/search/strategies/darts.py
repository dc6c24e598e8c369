"""DARTS as a strategy: one training of a network in which all cells live."""

from typing import Literal

from effjax.ranges import Count, NotNegativeInt, Positive
from effjax.search.cells.run import search_cells
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen


@STRATEGIES.register("darts", "cells by gradient: softmax mixtures of operations")
def darts(
    problem: Problem,
    *,
    epochs: Positive = 50.0,
    width: Count = 16,
    layers: Count = 8,
    order: Literal["first", "second"] = "second",
    derivative: Literal["exact", "finite_difference"] = "exact",
    stop: Literal["never", "eigenvalue", "skips"] = "never",
    curvature_batches: NotNegativeInt = 0,
) -> Chosen:
    """https://arxiv.org/abs/1806.09055; options: see `DartsConfig`, defaults as published."""
    network = {
        "search_width": width,
        "search_layers": layers,
        "order": order,
        "derivative": derivative,
        "stop": stop,
        "curvature_batches": curvature_batches,
    }
    return search_cells(problem, "darts", network, epochs, nesterov=False, weight_decay=3e-4)
