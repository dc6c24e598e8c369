"""The task that a config names is found; what is below gets its class."""

import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks import run
from tests.training.toy import Line, line_config


def test_the_class_is_found_by_its_name():
    assert isinstance(run.build(line_config()).task, Line)
    assert effjax.train is run.train


def test_a_name_that_nobody_registered(tmp_path):
    config = line_config()
    config.task.name = "clasification"
    for attempt in (
        lambda: run.build(config),
        lambda: run.train(config, tmp_path / "run", display=choose_display(quiet=True)),
    ):
        with pytest.raises(UserError, match="did you mean 'classification'"):
            attempt()
    assert not (tmp_path / "run").exists()
