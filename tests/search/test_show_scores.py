"""Scores of one network, by config and by name."""

import pytest

from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.given import load_run
from effjax.search import show_scores

QUIET = choose_display(quiet=True)


def test_of_a_config_on_its_own_images(capsys):
    config = load_run("configs/search/table_cifar10.py:quick", [])
    display = choose_display(quiet=False)
    found = show_scores.scores_of_config(config, ["params", "naswot"], display, images=6)
    assert found["params"] > 1000
    assert "6 training images of synthetic" in capsys.readouterr().out


def test_of_a_name():
    found = show_scores.scores_of_model("identityformer_s12", ["params"], QUIET, images=2)
    assert found == {"params": pytest.approx(11.4e6, rel=0.1)}


def test_unknown_scores_and_too_few_images_are_refused():
    with pytest.raises(UserError, match="unknown zero-cost score 'snap'"):
        show_scores.scores_of_model("identityformer_s12", ["snap"], QUIET)
    with pytest.raises(UserError, match="--images=1"):
        show_scores.scores_of_model("identityformer_s12", [], QUIET, images=1)
