"""Sweeps: one config file, many variants, one table at the end."""

from effjax.sweep.verb import sweep
from effjax.trials.plan import Sweep, make_plan
from effjax.trials.space import (
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
