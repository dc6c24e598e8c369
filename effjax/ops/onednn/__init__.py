"""Calls into oneDNN, which jaxlib brings along, on one CPU device."""
