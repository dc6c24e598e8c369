"""What a network costs: exact, expected where choices are still soft, measured; and one budget."""

from effjax.costs.budget import UNITS, Budget, describe
from effjax.costs.exact import count
from effjax.costs.latency import LatencyTable, fingerprint, measure_ms, read_table, write_table
from effjax.costs.memory import peak_bytes
from effjax.costs.model import CostModel, MeasuredWindow, WindowTaps
from effjax.costs.parts import PartsTable
from effjax.costs.soft import expected, hat_weights, log_ratio, shift_to

__all__ = [
    "UNITS",
    "Budget",
    "CostModel",
    "LatencyTable",
    "MeasuredWindow",
    "PartsTable",
    "WindowTaps",
    "count",
    "describe",
    "expected",
    "fingerprint",
    "hat_weights",
    "log_ratio",
    "measure_ms",
    "peak_bytes",
    "read_table",
    "shift_to",
    "write_table",
]
