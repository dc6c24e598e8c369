"""Searching an architecture: `kernel_sizes` learns the size of each window under a budget."""
