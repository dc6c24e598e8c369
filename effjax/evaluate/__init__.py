"""Uses of a trained network."""

from effjax.evaluate.compare import compare_workdirs, read_run
from effjax.evaluate.published import evaluate_weights
from effjax.evaluate.workdir import evaluate_workdir
from effjax.tasks.run import restore

__all__ = ["compare_workdirs", "evaluate_weights", "evaluate_workdir", "read_run", "restore"]
