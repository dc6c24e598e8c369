"""What is frozen is frozen whole: its layers run as in evaluation.

That holds for what lies inside a frozen layer too: dropout and stochastic depth have no parameters
of their own.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

from flax import linen as nn

from effjax.training.frozen import Layers, lies_in

# how a layer is told to run as in evaluation
EVALUATION = {"train": False, "examples": None}


@contextlib.contextmanager
def as_in_evaluation(layers: Layers) -> Iterator[None]:
    """Inside, linen modules at these paths get train=False and examples=None.

    They take these arguments by the names `train` and `examples`, where they take them at all.
    """

    def call(method: Any, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        if not lies_in(context.module.path, layers):
            return method(*args, **kwargs)
        # a caller may hand them over by name or by place
        given = inspect.signature(method).bind(*args, **kwargs)
        for name in EVALUATION.keys() & given.arguments.keys():
            given.arguments[name] = EVALUATION[name]
        return method(*given.args, **given.kwargs)

    if not layers:
        yield
        return
    with nn.intercept_methods(call):
        yield
