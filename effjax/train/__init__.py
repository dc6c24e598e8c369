"""Tasks and the loop that trains them; the room is also the verb, `effjax.train(config, ...)`."""

import sys
import types
from typing import Any

from effjax.train.loop import train
from effjax.train.schema import OptimConfig, RunConfig, add_optimizer, default_config
from effjax.train.state import TrainState
from effjax.train.task import Evaluator, Source, Task

__all__ = [
    "Evaluator",
    "OptimConfig",
    "RunConfig",
    "Source",
    "Task",
    "TrainState",
    "add_optimizer",
    "default_config",
    "train",
]


class _Verb(types.ModuleType):
    """Importing effjax.train puts this module in the place of the function of the same name."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Verb
