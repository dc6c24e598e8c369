"""Rows from trainings: seed by seed, and only those that are missing."""

import dataclasses

import pytest

from effjax.claims.place import Place
from effjax.claims.row import new_row
from effjax.claims.trainings import Trainings
from effjax.errors import UserError
from effjax.report.progress import Quiet

QUICK = Trainings("configs/ablations/activations.py:quick", "val/top1", seeds=2, minutes=1.0)


def test_an_arm_is_a_variant(tmp_path):
    place = Place(tmp_path, None, "small")
    with pytest.raises(UserError, match="no variant 'gelo'; it has star_relu, gelu"):
        next(QUICK.measure(("star_relu", "gelo"), [], place, Quiet()))


def test_nothing_is_trained_twice(tmp_path):
    place = Place(tmp_path, None, "small")
    arms = ("star_relu", "gelu")
    known = [new_row("small", arm, str(seed), 0.5) for arm in arms for seed in range(2)]
    assert list(QUICK.measure(arms, known, place, Quiet())) == []
    assert QUICK.planned(arms) == 4


@pytest.mark.slow
def test_the_missing_one_is_trained(tmp_path):
    place = Place(tmp_path, None, "small")
    arms = ("star_relu", "gelu")
    known = [new_row("small", "star_relu", "0", 0.5), new_row("small", "gelu", "1", 0.5)]
    rows = list(QUICK.measure(arms, known, place, Quiet()))
    assert [(row.arm, row.pair) for row in rows] == [("gelu", "0"), ("star_relu", "1")]
    assert all(0.0 <= row.value <= 1.0 for row in rows)
    assert (tmp_path / "gelu" / "seed0" / "summary.json").exists()
    # another metric of the same run
    both = dataclasses.replace(QUICK, readings={"its loss": ["gelu", "val/loss"]})
    (loss, *_) = both.measure(("its loss",), [], place, Quiet())
    assert (loss.arm, loss.pair, loss.value > 0.0) == ("its loss", "0", True)
