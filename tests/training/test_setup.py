"""What is refused before anything is computed."""

import pytest

import effjax
from effjax.errors import UserError
from effjax.tasks.run import build
from tests.training.toy import Line, line_config


def refused(message, **changes):
    config = line_config()
    for key, value in changes.items():
        section, _, name = key.rpartition("__")
        (config[section] if section else config).update({name: value})
    with pytest.raises(UserError, match=message):
        build(config)


def test_a_run_without_length():
    refused("how long to train is not set", total_steps=None)
    refused("makes no update", total_steps=0.0)


def test_the_best_of_an_evaluation_that_is_not_made():
    refused("measured are: val/", checkpoint__keep_best="test/top1")


def test_a_key_of_no_task():
    refused("config.task", task__forzen="^stem")


def test_parts_are_handed_in_ready():
    setup = build(line_config())
    assert setup.clock.total_steps == 20
    assert setup.abstract.params["w"].shape == (4,)
    assert setup.abstract.params["w"].sharding == setup.runner.state_shardings.params["w"]
    assert setup.task.not_learned == frozenset()
    assert isinstance(setup.task, effjax.Task)


def test_initialisation_is_traced_once(monkeypatch):
    traced = []
    init = Line.init

    def counted(task, rng, batch):
        traced.append(rng)
        return init(task, rng, batch)

    monkeypatch.setattr(Line, "init", counted)
    setup = build(line_config())
    setup.fresh()
    assert len(traced) == 1
