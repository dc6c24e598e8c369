"""How good sub-networks are."""

import jax
import numpy as np
import pytest

from effjax.compress.elastic.measure import drawn_points, open_trained
from effjax.errors import UserError
from effjax.report import choose_display
from effjax.tasks.run import train
from effjax.tasks.scales import resized
from tests.compress.elastic.conftest import config_of

QUIET = choose_display(quiet=True)


@pytest.fixture(autouse=True)
def singles(doubles):
    with jax.enable_x64(False):
        yield


def test_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not a run's folder"):
        open_trained(tmp_path, QUIET)


def accuracy_of_export(trained, point, split):
    """Top-1 of the ordinary network that is cut out."""
    model, variables = trained.export(point)
    side = trained.task.supernet.space.resolution(point)

    @jax.jit
    def logits(variables, images):
        return model.apply(variables, resized(images, side and (side, side)))

    right = total = 0
    for batch in split.batches():
        whole = split.unpack({**batch, **split.resident})
        named = np.argmax(logits(variables, trained.task.images(whole)), -1)
        valid = np.asarray(whole["mask"]) > 0
        right += (named == whole["label"])[valid].sum()
        total += valid.sum()
    return right / total


@pytest.mark.slow
def test_what_is_exported_is_as_good_as_what_was_measured(run):
    trained = open_trained(run, QUIET)
    split = trained.split(None)
    for point in drawn_points(trained, 3):
        want = accuracy_of_export(trained, point, split)
        assert trained.accuracy(point, split) == pytest.approx(want)


@pytest.mark.slow
def test_batch_norms_and_resolutions_are_those_of_the_sub_network(tmp_path):
    config = config_of("inception_next_atto", children=1, image_sizes=(6, 8), size_order="draw")
    config.total_steps = 2
    train(config, tmp_path, display=QUIET)
    trained = open_trained(tmp_path, QUIET)
    space = trained.task.supernet.space
    assert space.option(space.smallest, "resolution", None) == 6
    split = trained.split(None)
    for point in (space.canonical(space.smallest), space.largest):
        want = accuracy_of_export(trained, point, split)
        assert trained.accuracy(point, split) == pytest.approx(want)


@pytest.mark.slow
def test_the_smallest_and_the_largest_come_first(run):
    trained = open_trained(run, QUIET)
    space = trained.task.supernet.space
    points = drawn_points(trained, 6)
    assert points[:2] == [space.canonical(space.smallest), space.largest]
    assert len(set(points)) == 6
