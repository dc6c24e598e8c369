"""Paths into architectures."""

import pytest

from effjax.errors import UserError
from effjax.search.choices import Choice, Place, read_path, resized, set_block, set_entry, values_of


def test_paths():
    assert read_path("mlp_ratio") == Place("mlp_ratio")
    assert read_path("normal.2.0") == Place("normal", (2, 0))
    assert read_path("stages_1.mixer") == Place("mixer", (), 1)
    assert read_path("stages_1.blocks_2.kernel_sizes") == Place("kernel_sizes", (), 1, 2)
    with pytest.raises(UserError, match="is no path of a choice"):
        read_path("stages_1..mixer")


@pytest.mark.parametrize("options", [(1,), (1, 1)])
def test_no_choice(options):
    with pytest.raises(UserError, match=r"no choice|comes twice"):
        Choice("mlp_ratio", options)


def test_entries():
    assert set_entry((1, (2, 3)), (1, 0), 9) == (1, (9, 3))
    assert resized((3, 5), 3) == (3, 5, 5)
    assert resized((3, 5), 1) == (3,)
    assert set_block(7, 2, 1, 3) == (7, 3)


def test_a_mixer_comes_with_its_window():
    assert values_of(read_path("stages_0.mixer"), "depthwise5") == {
        "mixers": "separable_conv",
        "kernel_sizes": 5,
    }
    assert values_of(read_path("stages_0.mixer"), "attention") == {"mixers": "attention"}
