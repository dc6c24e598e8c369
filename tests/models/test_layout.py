import pytest

from effjax.errors import UserError
from effjax.models.layout import Layout

LAYOUT = Layout(
    stem=("stem", "pos1"),
    stage=("down{stage}", "pos{stage}"),
    beside_first=("aside{stage}",),
    block="stage{stage}/block{block}",
    head=("head",),
    first_stage=1,
)


def test_depths_count_blocks_through_all_stages():
    assert LAYOUT.part_depths((2, 1)) == {
        "stem": 0,
        "pos1": 0,
        "down1": 0,
        "aside1": 1,
        "stage1/block0": 1,
        "stage1/block1": 2,
        "down2": 3,
        "pos2": 3,
        "aside2": 3,
        "stage2/block0": 3,
        "head": 4,
    }


def test_a_parameter_that_belongs_nowhere_is_refused():
    params = {"stage1": {"block0": {"kernel": 0}}}
    assert LAYOUT.layer_depths(params, (2, 1), "Net") == {"stage1": {"block0": {"kernel": 1}}}
    with pytest.raises(UserError, match="Net states no depth for its parameter stage1/block7/"):
        LAYOUT.layer_depths({"stage1": {"block7": {"kernel": 0}}}, (2, 1), "Net")
