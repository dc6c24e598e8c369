"""The authors' code: what is quick in every test run, whole networks in `make test-all`."""

import pytest

from tests.parity.search_check import check_recorded


@pytest.mark.parametrize("system", ["nb201", "darts/parse", "prdarts/regulariser"])
def test_rules_are_those_of_the_recordings(system):
    check_recorded(system)


@pytest.mark.slow
@pytest.mark.parametrize("system", ["darts", "prdarts"])
def test_networks_are_those_of_the_recordings(system):
    check_recorded(f"{system}/")
