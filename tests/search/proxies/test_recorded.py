"""The authors' code on tiny networks."""

import pytest

from tests.parity.search_check import check_recorded


@pytest.mark.slow
@pytest.mark.parametrize("system", ["plain", "res", "zc", "naswot", "zen", "tenas", "zico"])
def test_recorded(system):
    check_recorded(f"{system}/")
