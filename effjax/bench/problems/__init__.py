"""What benchmarks train: functions with a known minimum, and networks on data in memory.

A new problem is one file here: a function (workload, data_dir) -> `Problem` under `@problem(name)`,
imported below.
"""

from effjax.bench.problems import functions, images, known, linear, vectors
from effjax.bench.problems.base import (
    PROBLEMS,
    Problem,
    make_problem,
    problem,
)

__all__ = [
    "PROBLEMS",
    "Problem",
    "functions",
    "images",
    "known",
    "linear",
    "make_problem",
    "problem",
    "vectors",
]
