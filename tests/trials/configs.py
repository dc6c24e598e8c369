"""Config files with variants, of runs that take seconds."""

from pathlib import Path

from tests.mistakes import QUICKSTART

VARIANTS = """

def sweep(arg=None):
    from effjax.sweep import Sweep
    return Sweep(
        {
            "base": {},
            "hot": {"optim.default.learning_rate": 0.1},
            "lost": {"model.mixers": ("pooling",) * 3},
        },
        seeds=(0, 1),
        metric="val/loss",
    )
"""
RANGES = """

def sweep(arg=None):
    from effjax.sweep import Sweep, halton, log
    return Sweep(halton({"optim.default.learning_rate": log(1e-4, 1e-2)}, 3), metric="val/loss")
"""


def write_config(folder: Path, text: str = VARIANTS) -> str:
    """Writes tiny.py, a network of seconds whose sweep() is `text`, and returns its path."""
    path = folder / "tiny.py"
    path.write_text(QUICKSTART + text)
    return str(path)
