"""Uses of a trained network."""

from effjax.evaluate.compare import compare_workdirs, read_run
from effjax.evaluate.workdir import evaluate_workdir
from effjax.train.restore import restore

__all__ = ["compare_workdirs", "evaluate_workdir", "read_run", "restore"]
