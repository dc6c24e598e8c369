"""A network's loss as in evaluation, whatever loss it is."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

from flax import linen as nn

# how a layer is told to run as in evaluation; flax's own layers are told by the one that has them
EVALUATION = {"train": False, "examples": None}


@contextlib.contextmanager
def evaluation_mode() -> Iterator[None]:
    """Inside, every linen module runs without dropout and with its running averages.

    It is told so by the names in EVALUATION, where its method takes these arguments.
    """

    def call(method: Any, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
        taken = inspect.signature(method).parameters
        told = {name: value for name, value in EVALUATION.items() if name in taken}
        if not told:
            return method(*args, **kwargs)
        # a caller may hand them over by name or by place
        given = inspect.signature(method).bind_partial(*args, **kwargs)
        given.arguments.update(told)
        return method(*given.args, **given.kwargs)

    with nn.intercept_methods(call):
        yield
