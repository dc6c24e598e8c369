"""The labelled images that a network is examined on."""

import contextlib

import pytest

from effjax.errors import UserError
from effjax.evaluate.examined import Examined
from effjax.evaluate.network import Wanted, data_of, evaluate_network, seed_of
from effjax.report import choose_display


def test_nothing_that_can_be_read_is_two_lines(trained, photos):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"no picture")
    data = data_of(trained, None, str(photos), None)
    with pytest.raises(UserError) as caught:
        evaluate_network(trained, data, choose_display(quiet=True), Wanted())
    assert "can be read" in str(caught.value)
    assert "effjax data check" in str(caught.value)


def test_a_limit_draws_with_the_seed_of_the_run_and_says_so(trained, photos, capsys):
    with contextlib.closing(choose_display(results=True)) as display:
        data = data_of(trained, None, str(photos), None)
        drawn = Examined(trained, data, display, limit=2, seed=7)
    assert drawn.drawn(drawn.held_out) == "2 of 4 images, 1 of each of 2 classes, seed 7"


def test_the_seed_is_that_of_the_config(tmp_path):
    assert seed_of(None) == 0
    (tmp_path / "config.json").write_text('{"config": {"seed": 5}}')
    assert seed_of(tmp_path) == 5
