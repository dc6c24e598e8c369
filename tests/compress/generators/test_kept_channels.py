import numpy as np
import pytest

from effjax.compress.generators.kept_channels import (
    KeptChannels,
    channels_within,
    read_channels,
    write_channels,
)
from effjax.costs import Budget
from effjax.errors import UserError

LOGITS = [np.asarray([3.0, -1.0, 0.5]), np.asarray([-5.0, -4.0])]


def cost(widths):
    return widths[0] * widths[1] + 2 * widths[0]


def test_channels_are_read_as_they_were_written(tmp_path):
    kept = KeptChannels(((0, 2), (1,)), ((3,),))
    write_channels(kept, tmp_path)
    assert read_channels(tmp_path) == kept


def test_a_folder_without_channels_is_refused(tmp_path):
    with pytest.raises(UserError, match="train agents to their end"):
        read_channels(tmp_path)


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (12, ((0, 1, 2), (0, 1))),
        (9, ((0, 1, 2), (1,))),
        (8, ((0, 2), (1,))),
        (5, ((0,), (1,))),
    ],
)
def test_as_many_channels_as_the_budget_allows(limit, kept):
    assert channels_within(LOGITS, cost, Budget("macs", limit)) == kept


def test_a_budget_that_cannot_be_met_is_refused():
    with pytest.raises(UserError, match="channels cost from 3 multiply-adds to 12"):
        channels_within(LOGITS, cost, Budget("macs", 2))
