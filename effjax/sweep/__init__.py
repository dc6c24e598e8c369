"""Sweeps: one config file, many variants, one table at the end."""

from effjax.config.space import (
    choice,
    grid,
    halton,
    integers,
    linear,
    log,
    random,
    space,
    zipped,
)
from effjax.sweep.plan import Sweep, make_plan
from effjax.sweep.verb import sweep

__all__ = [
    "Sweep",
    "choice",
    "grid",
    "halton",
    "integers",
    "linear",
    "log",
    "make_plan",
    "random",
    "space",
    "sweep",
    "zipped",
]
