"""The picture of a range test and the words beside it."""

import matplotlib.image
import numpy as np
import pytest

from effjax import cli
from effjax.errors import UserError
from effjax.inspect import find_rate
from effjax.report import choose_display
from effjax.training.find_rate import judge
from tests.training.toy import line_config

RATES = np.geomspace(1e-7, 10, 100)


def test_what_is_said_and_drawn(tmp_path, monkeypatch, capsys):
    losses = 2.0 - 1 / (1 + np.exp(-4 * (np.log10(RATES) + 3)))
    monkeypatch.setattr(find_rate, "find_rate", lambda *_: judge(RATES, losses))
    config = line_config()
    config.parallel.devices = 1
    picture = tmp_path / "find_lr.png"
    find_rate.show_rate_test(config, choose_display(), 100, picture)
    told = capsys.readouterr().out
    assert "the loss falls fastest at" in told
    assert "take it: --config.optim.default.learning_rate=" in told
    assert matplotlib.image.imread(picture).shape[0] > 200


def test_a_picture_that_cannot_be_written(tmp_path):
    found = judge(RATES, np.linspace(2, 1, 100))
    with pytest.raises(UserError, match="cannot write --plot="):
        find_rate.plot_rate_test(found, tmp_path / "no/folder.png", 0.1)


def test_flags_that_would_do_nothing():
    show = ["show", "--config=F", "--find-lr"]
    assert cli.parse(show).find_lr == 100
    assert cli.parse([*show[:2], "--find-lr=50"]).find_lr == 50
    with pytest.raises(UserError, match="--batch"):
        cli.parse([*show, "--batch"])
