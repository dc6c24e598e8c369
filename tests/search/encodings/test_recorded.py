"""The authors' code on small graphs."""

import pytest

from tests.parity.search_check import check_recorded


@pytest.mark.slow
@pytest.mark.parametrize("system", ["arch2vec", "cate"])
def test_recorded(system):
    check_recorded(f"{system}/")
