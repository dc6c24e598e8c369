"""pr_darts through the face of searches."""

import pytest

from effjax.search.options import bind_options
from effjax.search.registry import find_strategy
from tests.search.strategies.cell_search import OPTIONS, check_search


def test_its_options_are_known():
    bind_options("pr_darts", find_strategy("pr_darts"), OPTIONS)


@pytest.mark.slow
def test_a_search_ends_in_an_architecture(tmp_path):
    check_search("pr_darts", tmp_path)
