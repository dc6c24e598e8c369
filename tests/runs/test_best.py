"""The best checkpoint of a run."""

import json

import pytest

from effjax.errors import UserError
from effjax.runs.best import averaged, best_step, last_steps, split_network, split_step

ROWS = [
    {"step": 2, "train/loss": 0.1, "val/loss": 0.9, "val/top1": 0.5},
    {"step": 4, "train/loss": 0.1, "val/loss": 0.8, "val/top1": 0.7},
    {"step": 6, "train/loss": 0.1, "val/loss": None, "val/top1": None},
    {"step": 8, "train/loss": 0.1, "val/loss": 0.7, "val/top1": 0.6},
    {"step": 9, "train/loss": 0.1, "val/loss": 0.1, "val/top1": 0.9},
]


@pytest.fixture
def workdir(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def write_config(workdir, keep_best):
    config = {"config": {"checkpoint": {"keep_best": keep_best}}}
    (workdir / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(("keep_best", "step"), [(None, 4), ("val/loss", 8)])
def test_the_best_of_those_that_have_a_checkpoint(workdir, keep_best, step):
    """Step 9 has none, and a value that was not finite is never the best."""
    write_config(workdir, keep_best)
    assert best_step(workdir, (2, 4, 6, 8)) == step


def test_nothing_was_measured(workdir):
    write_config(workdir, None)
    with pytest.raises(UserError, match="nothing was measured"):
        best_step(workdir, (3, 6))


def test_a_checkpoint_named_behind_a_folder():
    assert split_step("runs/x:best") == ("runs/x", "best")
    assert split_step("gs://bucket/x:12") == ("gs://bucket/x", 12)
    assert split_step("runs/x:average:5") == ("runs/x", "average:5")
    for source in ("runs/x", "hub:timm/x", "gs://bucket/x", "caformer_s18.sail_in1k"):
        assert split_step(source) == (source, None)


def test_the_last_ones_that_are_averaged(workdir):
    assert averaged("average:5") == 5
    assert [averaged(one) for one in ("best", 12, None)] == [None, None, None]
    assert last_steps(workdir, (8, 2, 6), 2) == [6, 8]
    message = r"has 3 checkpoints \(2, 6, 8\), average:5 takes 5\n.*keep_last=5"
    with pytest.raises(UserError, match=message):
        last_steps(workdir, (8, 2, 6), 5)
    for wrong in ("average:", "average:0", "average:x"):
        with pytest.raises(UserError, match="expected the number of checkpoints, as in average:5"):
            averaged(wrong)


def test_a_network_is_named_last():
    assert split_network("runs/x:teacher") == ("runs/x", "teacher")
    assert split_network("runs/x:12:student") == ("runs/x:12", "student")
    assert split_network("runs/x:best") == ("runs/x:best", None)
