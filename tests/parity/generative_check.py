"""Compares `generative_cases` with the recording beside it, to the recording's tolerances."""

from tests.parity.generative_cases import compute
from tests.parity.recorded import check


def check_recorded(*prefixes: str) -> None:
    """Asserts that all recorded keys with one of these beginnings are computed, and right."""
    check("generative", compute, *prefixes)
