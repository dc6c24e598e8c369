"""The loop that trains a task."""

from effjax.training.loop import train

__all__ = ["train"]
