"""Milliseconds of each layer at each number of bits, from a table that was measured elsewhere.

    {"stages_0/blocks_0/mlp/fc1": {"2": 0.031, "4": 0.035, "8": 0.041, "32": 0.120}, ...}

HAQ (https://arxiv.org/abs/1811.08886) allots bits by such a table of its accelerator. None can be
measured in JAX: a rounded network is computed with real numbers there, as fast as the float one.
"""

import math
from collections.abc import Collection, Sequence
from pathlib import Path

from effjax.compress.quantised import FLOAT
from effjax.config import read_json
from effjax.errors import UserError, nearest

# costs of the allotment are whole numbers
NANOSECONDS = 1_000_000  # of a millisecond

Table = dict[str, dict[int, float]]  # {path of a layer: {bits: milliseconds}}


def read_bit_latency(
    path: Path,
    layers: Sequence[str],
) -> Table:
    """The table in a file.

    Args:
      layers: paths of all layers of the network.

    Raises:
      UserError: no such file, a layer that is missing or unknown, what is no number of bits or of
        milliseconds.
    """
    content = read_json(
        path, dict[str, dict[str, float]], 'expected {"LAYER": {"8": MILLISECONDS, ...}, ...}'
    )
    for name in content:
        if name not in layers:
            raise UserError(
                f"{path} has a layer that is not there: {name}; {nearest(name, layers)}"
            )
    missing = [name for name in layers if name not in content]
    if missing:
        raise UserError(
            f"{path} lacks {len(missing)} of {len(layers)} layers, such as {missing[0]}\n"
            "all of them are named in quantised.json of `effjax compress --workdir=D --bits=8`"
        )
    return {name: _row(path, name, row) for name, row in content.items()}


def _row(
    path: Path,
    name: str,
    row: dict[str, float],
) -> dict[int, float]:
    """The milliseconds of a layer."""
    found = {}
    for bits, milliseconds in row.items():
        if not bits.isdecimal():
            raise UserError(f"{path}, {name}: {bits!r} is no number of bits")
        if not (math.isfinite(milliseconds) and milliseconds >= 0):
            raise UserError(f"{path}, {name}: {bits} bits take {milliseconds} ms, which is no time")
        found[int(bits)] = milliseconds
    return found


def nanoseconds(
    table: Table,
    layer: str,
    bits: Collection[int],
) -> dict[int, int]:
    """{bits: nanoseconds} of a layer, rounded up, so that no budget is exceeded.

    Raises:
      UserError: the table does not say how long it takes at some of them.
    """
    found = {}
    for number in bits:
        if number not in table[layer]:
            known = ", ".join(map(str, sorted(table[layer])))
            said = "in floating point (32)" if number == FLOAT else f"at {number} bits"
            raise UserError(
                f"the latency table does not say how long {layer} takes {said}; it has {known}"
            )
        found[number] = math.ceil(table[layer][number] * NANOSECONDS)
    return found
