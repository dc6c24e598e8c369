"""The labelled images that a network is examined on."""

import pytest

from effjax.errors import UserError
from effjax.evaluate.network import Wanted, data_of, evaluate_network
from effjax.report import choose_display


def test_nothing_that_can_be_read_is_two_lines(trained, photos):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"no picture")
    data = data_of(trained, None, str(photos), None)
    with pytest.raises(UserError) as caught:
        evaluate_network(trained, data, choose_display(quiet=True), Wanted())
    assert "can be read" in str(caught.value)
    assert "effjax data check" in str(caught.value)
