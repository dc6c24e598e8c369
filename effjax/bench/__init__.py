"""Compares optimizers: the same workloads, tuning and seeds for all, many trials in one program."""

from effjax.bench.schema import (
    BenchConfig,
    empty_config,
    optimizer,
    workload,
)
from effjax.bench.suite import bench
from effjax.bench.targets import use_targets

__all__ = [
    "BenchConfig",
    "bench",
    "empty_config",
    "optimizer",
    "use_targets",
    "workload",
]
