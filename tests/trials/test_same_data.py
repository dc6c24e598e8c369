"""A sweep that is continued on other data."""

import json

import pytest

from effjax.errors import UserError
from effjax.trials import same_data
from effjax.trials.plan import make_plan
from effjax.trials.same_data import check_trials_data
from tests.trials.configs import write_config


def test_other_data_is_refused_and_opened_once(tmp_path, monkeypatch):
    plan = make_plan(write_config(tmp_path), [], tmp_path / "runs")
    opened = []

    def describe(config):
        opened.append(config)
        return {"examples": 96}

    monkeypatch.setattr(same_data, "describe_training_data", describe)
    check_trials_data(plan.trials)
    assert not opened  # nothing has begun, so there is nothing to compare
    for trial in plan.trials[::2]:
        trial.workdir.mkdir(parents=True)
        content = {"config": {}, "record": {}, "data": {"examples": 96}}
        (trial.workdir / "config.json").write_text(json.dumps(content))
    check_trials_data(plan.trials)
    assert len(opened) == 1  # three variants share the data
    content["data"] = {"examples": 32}
    (plan.trials[2].workdir / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="32 training examples then, 96 now"):
        check_trials_data(plan.trials)


def test_what_is_described(tmp_path):
    plan = make_plan(write_config(tmp_path), [], tmp_path / "runs")
    found = same_data.describe_training_data(same_data.View(plan.trials[0].config))
    assert found["examples"] == 32


def test_a_sweep_of_views_is_continued(tmp_path):
    spec = "configs/ablations/contrast.py:quick"
    plan = make_plan(spec, ["--config.data.synthetic_examples=32"], tmp_path)
    (trial,) = plan.trials
    trial.workdir.mkdir(parents=True)
    content = {"config": {}, "record": {}, "data": {"examples": 32}}
    (trial.workdir / "config.json").write_text(json.dumps(content))
    check_trials_data(plan.trials)
    content["data"] = {"examples": 64}
    (trial.workdir / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="64 training examples then, 32 now"):
        check_trials_data(plan.trials)


def test_a_sweep_without_images_is_continued(tmp_path):
    """The points of a mixture are drawn: the images that the config names are never read."""
    plan = make_plan("configs/generate/mixture.py:quick", [], tmp_path)
    (trial,) = plan.trials
    trial.workdir.mkdir(parents=True)
    found = same_data.describe_training_data(same_data.View(trial.config))
    content = {"config": {}, "record": {}, "data": found}
    (trial.workdir / "config.json").write_text(json.dumps(content))
    check_trials_data(plan.trials)
    assert found == {"examples": 2**20}
