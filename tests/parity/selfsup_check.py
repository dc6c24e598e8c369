"""Compares `selfsup_cases` with the recording beside it, to the recording's tolerances."""

from tests.parity.recorded import check
from tests.parity.selfsup_cases import compute


def check_recorded(*prefixes: str) -> None:
    """Asserts that all recorded keys with one of these beginnings are computed, and right."""
    check("selfsup", compute, *prefixes)
