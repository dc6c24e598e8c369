"""How good sub-networks are."""

import jax
import numpy as np
import pytest

from effjax.compress.elastic.measure import drawn_points, open_trained
from effjax.errors import UserError
from effjax.report import choose_display

QUIET = choose_display(quiet=True)


@pytest.fixture(autouse=True)
def singles(doubles):
    with jax.enable_x64(False):
        yield


def test_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not a run's folder"):
        open_trained(tmp_path, QUIET)


@pytest.mark.slow
def test_what_is_exported_is_as_good_as_what_was_measured(run):
    trained = open_trained(run, QUIET)
    split = trained.split(None)
    for point in drawn_points(trained, 3):
        model, variables = trained.export(point)
        right = total = 0
        for batch in split.batches():
            whole = split.unpack({**batch, **split.resident})
            logits = jax.jit(model.apply)(variables, trained.task.images(whole))
            valid = np.asarray(whole["mask"]) > 0
            right += (np.argmax(logits, -1) == whole["label"])[valid].sum()
            total += valid.sum()
        assert trained.accuracy(point, split) == pytest.approx(right / total)


@pytest.mark.slow
def test_the_smallest_and_the_largest_come_first(run):
    trained = open_trained(run, QUIET)
    space = trained.task.supernet.space
    points = drawn_points(trained, 6)
    assert points[:2] == [space.canonical(space.smallest), space.largest]
    assert len(set(points)) == 6
