"""Tasks and the loop that trains them."""

from effjax.train.loop import train
from effjax.train.schema import RunConfig, default_config
from effjax.train.state import TrainState
from effjax.train.task import Evaluator, Source, Task

__all__ = ["Evaluator", "RunConfig", "Source", "Task", "TrainState", "default_config", "train"]
