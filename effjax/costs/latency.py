"""Measured milliseconds of operators, kept in a table for one machine.

A table is a JSON file: {"device", "jax", "batch_size", "network_ms": [whole, operators],
"times": {operator: milliseconds over the sizes 1, 3, 5, ...}}.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.errors import UserError

REPEATS = 5
LEAST_SECONDS = 0.02  # of one repeat: shorter ones measure the clock and the dispatch


@dataclasses.dataclass(frozen=True)
class LatencyTable:
    """Measured milliseconds of one machine.

    Attributes:
      path: the file.
      batch_size: images of one call.
      times: {operator: [n] or [n, n] over the sizes 1, 3, 5, ...}.
      network: milliseconds of the whole network, and of the measured operators in it.
    """

    path: Path
    batch_size: int
    times: dict[str, np.ndarray]
    network: tuple[float, float]

    def of(
        self,
        operator: str,
        options: Sequence[int],
    ) -> np.ndarray:
        """The milliseconds of an operator over the first so many options of each of its sizes.

        They never fall with the size: a larger window that measures faster is noise, or a faster
        path that a network with other sizes around it could not rely on.

        Raises:
          UserError: this operator was not measured, or not up to these sizes.
        """
        times = self.times.get(operator)
        measured = () if times is None else times.shape
        too_small = any(have < want for have, want in zip(measured, options))
        if len(measured) != len(options) or too_small:
            raise UserError(
                f"{self.path} does not hold {operator} up to size {2 * max(options) - 1}\n"
                "measure it: effjax profile --config=F --latency-table=OUT.json with this config"
            )
        times = times[tuple(slice(want) for want in options)]
        # along both axes: the larger of two windows contains the smaller one
        for axis in range(times.ndim):
            times = np.maximum.accumulate(times, axis)
        return times


def read_table(path: Path) -> LatencyTable:
    """A table that `write_table` wrote.

    Raises:
      UserError: the file cannot be read, or holds something else.
    """
    try:
        data = json.loads(path.read_text())
        return _table(path, data)
    # whatever shape the JSON has, and thousands of brackets
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"config.task.latency_table = {str(path)!r} cannot be read ({error})\n"
            "write one: effjax profile --config=F --latency-table=OUT.json"
        ) from error


def _table(
    path: Path,
    data: dict[str, Any],
) -> LatencyTable:
    """The table that JSON data describes; raises ValueError where a number cannot be a time."""
    times = {key: np.asarray(value, np.float64) for key, value in data["times"].items()}
    whole, operators = map(float, data["network_ms"])
    for name, value in {**times, "network_ms": np.asarray([whole, operators])}.items():
        if not np.all(np.isfinite(value) & (value >= 0)):
            raise ValueError(f"{name} holds a number that is no time")
    return LatencyTable(path, int(data["batch_size"]), times, (whole, operators))


def fingerprint(path: Path) -> str:
    """16 hexadecimal digits that change with what a table says, but not with how it is written."""
    table = read_table(path)
    times = {operator: grid.tolist() for operator, grid in sorted(table.times.items())}
    text = json.dumps([times, table.network])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_table(table: LatencyTable) -> None:
    """Writes a table to its path, with the device and the version of JAX.

    Raises:
      UserError: the file cannot be written.
    """
    # for the reader: a table is not refused on another device
    device = jax.devices()[0]
    data = {
        "device": f"{device.platform}:{device.device_kind}",
        "jax": jax.__version__,
        "batch_size": table.batch_size,
        "network_ms": list(table.network),
        "times": {key: grid.round(6).tolist() for key, grid in table.times.items()},
    }
    try:
        table.path.parent.mkdir(parents=True, exist_ok=True)
        table.path.write_text(json.dumps(data, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write --latency-table={table.path}: {error.strerror}") from error


def measure_ms(
    function: Callable[..., Any],
    arguments: tuple,
) -> float:
    """Milliseconds of one call of the compiled function: the best of `REPEATS` averages."""
    compiled = jax.jit(function).lower(*arguments).compile()

    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            result = compiled(*arguments)
        jax.block_until_ready(result)
        return time.perf_counter() - start

    seconds(1)  # the first call allocates
    once = max(seconds(1), 1e-6)
    calls = max(1, round(LEAST_SECONDS / once))
    best = min(seconds(calls) for _ in range(REPEATS))
    return 1e3 * best / calls
