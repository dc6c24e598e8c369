"""What trains the networks of a table; see test_make_table.py for a whole one."""

import pytest

from effjax.errors import UserError
from effjax.runs.given import load_run
from effjax.search.table_maker import TableMaker


def test_another_task_is_refused(space):
    config = load_run("configs/search/kernel_size_digits.py:quick", [])
    with pytest.raises(UserError, match="a table is of classifications"):
        TableMaker(config, space, seeds=1, images=8)
