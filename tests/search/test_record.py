"""A search goes on only as the same search."""

import dataclasses

import pytest

from effjax.errors import UserError
from effjax.search.options import Search
from effjax.search.record import check_same_search


def test_another_search_in_the_folder(space, tmp_path):
    wanted = Search(space, "random")
    check_same_search(wanted, 0, tmp_path)
    check_same_search(dataclasses.replace(wanted, evaluations=99), 0, tmp_path)
    with pytest.raises(UserError, match="with another share"):
        check_same_search(dataclasses.replace(wanted, share=0.5), 0, tmp_path)
    with pytest.raises(UserError, match="with another seed"):
        check_same_search(wanted, 1, tmp_path)
