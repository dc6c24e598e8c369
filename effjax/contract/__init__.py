"""What the rooms promise each other: tasks, sources of batches, evaluators, the training state."""

from effjax.contract.batch import (
    Batch,
    Metrics,
    Params,
    Variables,
    join_variables,
    split_variables,
    valid_examples,
)
from effjax.contract.evaluator import Evaluator
from effjax.contract.source import Source
from effjax.contract.state import TrainState
from effjax.contract.task import Apply, Task

__all__ = [
    "Apply",
    "Batch",
    "Evaluator",
    "Metrics",
    "Params",
    "Source",
    "Task",
    "TrainState",
    "Variables",
    "join_variables",
    "split_variables",
    "valid_examples",
]
