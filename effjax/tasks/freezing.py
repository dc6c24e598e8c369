"""What is frozen is frozen whole: its layers run as in evaluation.

A layer is frozen if it holds parameters and none of them, or of the layers inside it, is learned.
What lies inside a frozen layer is frozen too (dropout, stochastic depth).
"""

import contextlib
import inspect
from collections.abc import Iterator, Set
from typing import Any

from flax import linen as nn

from effjax.optim import parameter_paths

# how a layer is told to run as in evaluation
EVALUATION = {"train": False, "examples": None}


def frozen_layers(params: Any, not_learned: Set[str]) -> frozenset[tuple[str, ...]]:
    """Paths of the layers of which no parameter is learned.

    Args:
      params: the parameters of a network.
      not_learned: paths of parameters, such as "stem/conv/kernel".
    """
    held: set[tuple[str, ...]] = set()
    learned: set[tuple[str, ...]] = set()
    for path in parameter_paths(params):
        *layer, _ = path.split("/")
        enclosing = {tuple(layer[:depth]) for depth in range(1, len(layer) + 1)}
        if path in not_learned:
            held |= enclosing
        else:
            learned |= enclosing
    return frozenset(held - learned)


@contextlib.contextmanager
def as_in_evaluation(layers: frozenset[tuple[str, ...]]) -> Iterator[None]:
    """Inside, linen modules at these paths get train=False and examples=None.

    They take these arguments by the names `train` and `examples`, where they take them at all.
    """

    def call(method: Any, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        path = context.module.path
        inside = any(path[:depth] in layers for depth in range(1, len(path) + 1))
        if not inside:
            return method(*args, **kwargs)
        given = inspect.signature(method).bind(*args, **kwargs)
        for name in EVALUATION.keys() & given.arguments.keys():
            given.arguments[name] = EVALUATION[name]
        return method(*given.args, **given.kwargs)

    if not layers:
        yield
        return
    with nn.intercept_methods(call):
        yield
