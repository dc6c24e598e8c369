"""Generators made smaller: by intervals of time, by prompts, by channels."""
