"""What the rooms promise each other: tasks, sources of batches, evaluators, the training state."""

from effjax.contract.state import TrainState
from effjax.contract.task import Evaluator, Source, Task

__all__ = ["Evaluator", "Source", "Task", "TrainState"]
