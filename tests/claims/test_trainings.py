"""Rows from trainings: seed by seed, and only those that are missing."""

import dataclasses

import pytest

from effjax.claims import trainings
from effjax.claims.place import Place
from effjax.claims.row import new_row
from effjax.claims.trainings import Trainings
from effjax.errors import UserError
from effjax.report.progress import Quiet
from effjax.trials.trial import RunTrial

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


def test_what_has_to_run_before_runs_only_where_rows_are_missing(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(trainings, "run", lambda words, display: ran.append(words))
    monkeypatch.setattr(trainings, "is_over", lambda workdir: True)
    point = {"init_from": "WORKDIR/judge", "total_steps": 3.0}
    first = dataclasses.replace(QUICK, first="effjax train --workdir=WORKDIR/judge", settings=point)
    made = []

    def make_trial(config, overrides, variant, point, seed, workdir):
        made.append(point["init_from"])
        return RunTrial(variant=variant, seed=seed, settings={}, config=None, workdir=workdir)

    monkeypatch.setattr(trainings, "make_trial", make_trial)
    place = Place(tmp_path, None, "small")
    known = [new_row("small", "gelu", "0", 0.5)]
    list(first.measure(("gelu",), known, place, Quiet()))
    assert ran == [["effjax", "train", f"--workdir={tmp_path}/judge"]]
    assert made == [f"{tmp_path}/judge"]
    known.append(new_row("small", "gelu", "1", 0.5))
    list(first.measure(("gelu",), known, place, Quiet()))
    assert len(ran) == 1


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
