"""Weights, images and references rebuilt from names alone."""

import json
from pathlib import Path

PARITY = Path(__file__).parents[1] / "parity"
COUNTS = json.loads((PARITY / "model_counts.json").read_text())
