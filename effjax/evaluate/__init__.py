"""Uses of a trained network."""

from effjax.evaluate.workdir import evaluate_workdir, restore

__all__ = ["evaluate_workdir", "restore"]
