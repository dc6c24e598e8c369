"""Searching an architecture: `kernel_sizes` learns the size of each window under a budget."""

from effjax.moved import old_names

__getattr__ = old_names(__name__)
