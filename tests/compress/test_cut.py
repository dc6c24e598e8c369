"""Cuts of a run's network."""

import pytest

from effjax.compress.cut import check_method, cut_run
from effjax.compress.narrow import NEEDS_GRADIENTS
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import train
from tests.compress.gates.test_task import config_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    train(config_of(), workdir, display=choose_display(quiet=True))
    return workdir


def test_an_unknown_importance_is_answered():
    check_method("l2")
    check_method("isp")
    with pytest.raises(UserError, match="did you mean 'taylor'"):
        check_method("tailor")


@pytest.mark.slow
@pytest.mark.parametrize("method", NEEDS_GRADIENTS)
def test_importances_with_gradients_read_the_images_of_the_run(method, run, tmp_path):
    costs = cut_run(run, tmp_path, "macs:0.6x", method)
    before, after = costs["macs"]
    assert 0.3 * before < after <= 0.6 * before


@pytest.mark.slow
def test_a_folder_without_a_run_is_answered(tmp_path):
    with pytest.raises(UserError):
        cut_run(tmp_path, tmp_path / "out", "macs:0.6x", "l2")
    with pytest.raises(UserError, match="is not a run's folder"):
        cut_run(tmp_path, tmp_path / "out", "macs:0.6x", "isp")
