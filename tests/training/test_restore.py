"""A run's parts and state, out of its folder."""

import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import restore
from effjax.training.restore import evaluated
from tests.training.toy import line_config

QUIET = choose_display(quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    config = line_config(total_steps=10.0)
    config.parallel.update(devices=4, mode="pmap")
    effjax.train(config, workdir, display=QUIET)
    return workdir


def test_the_newest_checkpoint_on_other_devices(folder):
    setup, state = restore(folder, QUIET, devices=1)
    assert int(state.step) == 10
    assert setup.runner.batch_axis is None
    weights = evaluated(setup, state)
    np.testing.assert_array_equal(weights["params"]["w"], state.ema["params"]["w"])
    without = evaluated(setup, state.replace(ema=None))
    np.testing.assert_array_equal(without["params"]["w"], state.params["w"])


def test_an_older_one_by_its_step(folder):
    assert int(restore(folder, QUIET, step=5)[1].step) == 5
    with pytest.raises(UserError, match="there are: 5, 10"):
        restore(folder, QUIET, step=7)


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        restore(tmp_path, QUIET)


def test_the_average_of_the_last_ones(folder):
    setup, state = restore(folder, QUIET, step="average:2", devices=1)
    weights = []
    for step in (5, 10):
        weights.append(evaluated(setup, restore(folder, QUIET, step, devices=1)[1])["params"]["w"])
    average = evaluated(setup, state)["params"]["w"]
    np.testing.assert_allclose(average, (weights[0] + weights[1]) / 2, rtol=1e-6)
    with pytest.raises(UserError, match="has 2 checkpoints"):
        restore(folder, QUIET, step="average:3")
