"""What a run under masks leaves behind."""

import pytest

from effjax.compress.record import plot_layers, read_record
from effjax.errors import UserError


def test_a_picture_of_the_layers(tmp_path):
    layers = {"a/kernel": {"kept": 3, "of": 10, "live": 2}, "b/kernel": {"kept": 0, "of": 5}}
    plot_layers(layers, tmp_path / "x.png", "magnitude")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_no_record_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no compress"):
        read_record(tmp_path)
