"""A run is continued with the same config and the same data, or refused in two lines."""

import json

import pytest

import effjax
from effjax.config import View
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.runs.continuing import check_continues, check_same_data, flatten
from effjax.runs.record import open_workdir
from tests.training.toy import line_config

DATA = {"examples": 32, "classes": ["cat", "dog"], "fingerprint": "a" * 16}


@pytest.fixture
def config():
    return effjax.default_config()


@pytest.fixture
def workdir(config, tmp_path):
    open_workdir(tmp_path, View(config), {}, DATA)
    return tmp_path


def test_keys_that_cannot_change_the_result_are_free(workdir, config):
    config.parallel.mode = "pmap"
    config.data.workers = 3
    config.log.wandb = "project"
    check_continues(workdir, View(config), extend=False)


def test_keys_that_differ_are_named(workdir, config):
    config.seed = 1
    config.data.batch_size = 7
    message = r"another config \(data\.batch_size: .* -> 7; seed: 0 -> 1\)\ngive another --work"
    with pytest.raises(UserError, match=message):
        check_continues(workdir, View(config), extend=False)


def test_a_longer_run_is_asked_for(workdir, config):
    config.total_steps = 9.0
    with pytest.raises(UserError, match=r"total_steps.*\nadd --extend to train it for longer"):
        check_continues(workdir, View(config), extend=False)
    check_continues(workdir, View(config), extend=True)


def test_checkpoints_without_a_config(tmp_path, config):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match=r"has checkpoints but no config\.json"):
        check_continues(tmp_path, View(config), extend=False)


def test_other_data_are_refused(workdir):
    check_same_data(workdir, DATA)
    message = (
        r"was trained on other data: 32 training examples then, 96 now\n"
        r"give it the data that it began with, or another --workdir and --config\.init_from="
    )
    with pytest.raises(UserError, match=message):
        check_same_data(workdir, DATA | {"examples": 96})


def test_folders_of_older_versions_are_compared_by_what_they_have(workdir):
    content = json.loads((workdir / "config.json").read_text())
    content |= {"data": {}, "record": {"labels": ["cat", "dog"], "examples": 32}}
    (workdir / "config.json").write_text(json.dumps(content))
    check_same_data(workdir, DATA)
    with pytest.raises(UserError, match="classes 'dog' then, 'eel' now"):
        check_same_data(workdir, DATA | {"classes": ["cat", "eel"]})


def test_a_training_is_not_continued_on_other_data(tmp_path):
    quiet = choose_display(quiet=True)
    config = line_config(total_steps=1.0)
    effjax.train(config, tmp_path, display=quiet)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["data"] == {"examples": 640}
    content["data"]["examples"] = 32
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="32 training examples then, 640 now"):
        effjax.train(config, tmp_path, display=quiet)


def test_nested_keys_become_paths():
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3}) == {"a.b": 1, "a.c.d": 2, "e": 3}
