"""Which rows of a run Ray is told; whole trials are run by `test_ray_runner`."""

import json
from types import SimpleNamespace

import pytest

from effjax.trials.ray_worker import report


class Told:
    """Ray Tune, as far as a trial speaks to it."""

    def __init__(self):
        self.steps = []
        self.Checkpoint = SimpleNamespace(from_directory=str)

    def report(self, metrics, checkpoint):
        self.steps.append(metrics["step"])


@pytest.fixture
def folder(tmp_path):
    rows = [{"step": 1, "val/loss": 3.0}, {"step": 2}, {"step": 3, "val/loss": 1.0}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text)
    return tmp_path


def test_the_newest_step_is_kept_back_until_the_run_has_ended(folder):
    tune = Told()
    last = report(tune, folder, "val/loss", 0, ended=False)
    assert (last, tune.steps) == (1, [1])
    last = report(tune, folder, "val/loss", last, ended=True)
    assert (last, tune.steps) == (3, [1, 3])
    report(tune, folder, "val/loss", last, ended=True)
    assert tune.steps == [1, 3]
