"""Genotypes as text: what DARTS and those after it print and publish.

Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], ...)
"""

import ast
import re
from typing import Any

from effjax.errors import UserError

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
# PR-DARTS calls the same operations by other names
SAME = {
    "dua_sepc_3x3": "sep_conv_3x3",
    "dua_sepc_5x5": "sep_conv_5x5",
    "dil_sepc_3x3": "dil_conv_3x3",
    "dil_sepc_5x5": "dil_conv_5x5",
}
EXAMPLE = "Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...])"

# https://github.com/quark0/darts/blob/f276dd3/cnn/genotypes.py
DARTS_V1 = """Genotype(
normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1),
        ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)],
normal_concat=[2, 3, 4, 5],
reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0),
        ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)],
reduce_concat=[2, 3, 4, 5])"""

DARTS_V2 = """Genotype(
normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
        ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],
normal_concat=[2, 3, 4, 5],
reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1),
        ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)],
reduce_concat=[2, 3, 4, 5])"""


def read_genotype(text: str) -> dict[str, Any]:
    """The fields that a genotype's text gives: {"normal": (("sep_conv_3x3", 0), ...), ...}.

    The text is read, not run.

    Raises:
      UserError: it is no genotype.
    """
    # a literal has no calls: range(2, 6) is written out
    written_out = re.sub(r"range\(\s*(\d+)\s*,\s*(\d+)\s*\)", _range, text)
    try:
        call = ast.parse(written_out.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        found = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, TypeError):
        found = {}
    unknown = sorted(str(name) for name in set(found) - set(FIELDS))
    if unknown or not {"normal", "reduce"} <= set(found):
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise UserError(f"genotype = {shown!r} cannot be read; write it as\n{EXAMPLE}")
    fields = {}
    for name, value in found.items():
        fields[name] = tuple(value) if name.endswith("concat") else _edges(name, value)
    return fields


def _range(match: re.Match) -> str:
    return str(list(range(int(match[1]), int(match[2]))))


def _edges(name: str, pairs: Any) -> tuple[tuple[str, int], ...]:
    edges = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise UserError(f"genotype: {name} holds {pair!r}, expected ('sep_conv_3x3', 0)")
        operation, source = pair
        edges.append((SAME.get(operation, operation), source))
    return tuple(edges)


def write_genotype(architecture: Any) -> str:
    """The text of an architecture with the fields of `FIELDS`."""
    parts = []
    for name in FIELDS:
        parts.append(f"{name}={list(getattr(architecture, name))!r}")
    return f"Genotype({', '.join(parts)})"
