"""Published weights: names and layouts, files in and out."""

from effjax.models.weights.convert import from_torch, to_torch

__all__ = ["from_torch", "to_torch"]
