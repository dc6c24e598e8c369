"""The network of a run: only a run that trains one has it, and its data need not be there."""

import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.trained_network import made_up_data, trained_network
from tests.training.toy import line_config


def test_a_run_that_trains_no_network_is_refused(tmp_path):
    config = line_config(total_steps=2.0)
    config.parallel.devices = 1
    effjax.train(config, tmp_path, display=choose_display(quiet=True))
    with pytest.raises(UserError, match="give the workdir of a classification"):
        trained_network(tmp_path)


def test_made_up_images_have_as_many_classes_as_the_run():
    assert made_up_data({}) is None
    data = made_up_data({"labels": ["cat", "dog"], "examples": 7})
    assert (data["name"], data["synthetic_classes"], data["synthetic_examples"]) == (
        "synthetic",
        2,
        7,
    )
