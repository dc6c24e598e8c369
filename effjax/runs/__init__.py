"""A run's folder: its config, rows, checkpoints and summary."""
