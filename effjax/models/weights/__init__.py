"""Published weights: names and layouts, files in and out."""

from effjax.models.weights.convert import from_torch, to_torch
from effjax.models.weights.fetch import fetch, fetch_with_companion
from effjax.models.weights.files import read_state, write_state
from effjax.models.weights.load import From, Report, load_weights, save_weights
from effjax.models.weights.rewrite import rewrite

__all__ = [
    "From",
    "Report",
    "fetch",
    "fetch_with_companion",
    "from_torch",
    "load_weights",
    "read_state",
    "rewrite",
    "save_weights",
    "to_torch",
    "write_state",
]
