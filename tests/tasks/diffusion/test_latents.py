import itertools

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.diffusion.latents import LOG_VARIANCE, MEAN, Latents


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "mean.npy", rng.standard_normal((10, 4, 4, 2)).astype(np.float16))
    np.save(tmp_path / "label.npy", np.arange(10) % 3)
    return tmp_path


def test_an_epoch_has_every_example_once(folder):
    source = Latents(str(folder), 5)
    first = list(itertools.islice(source.batches(), 2))
    seen = np.concatenate([batch[MEAN] for batch in first])
    assert len(np.unique(seen.reshape(10, -1), axis=0)) == 10
    # batch i is a function of the seed and i
    again = next(source.batches(1))
    assert (again[MEAN] == first[1][MEAN]).all()
    assert source.image_shape == (4, 4, 2)
    assert source.num_classes == 3


def test_held_out_examples_come_in_order_and_padded(folder):
    batches = list(Latents(str(folder), 4, train=False).batches())
    assert [batch["mask"].sum() for batch in batches] == [4, 4, 2]
    assert batches[1]["label"].tolist() == [1, 2, 0, 1]


def test_variances_and_parts(folder):
    np.save(folder / "log_variance.npy", np.zeros((10, 4, 4, 2)))
    batch = next(Latents(str(folder), 4, parts=2).batches())
    assert batch[LOG_VARIANCE].shape == (2, 2, 4, 4, 2)


def test_other_folders_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match=r"no mean\.npy"):
        Latents(str(tmp_path / "none"), 4)
    with pytest.raises(UserError, match="at most so many"):
        Latents(str(folder), 11)
    np.save(folder / "label.npy", np.arange(3))
    with pytest.raises(UserError, match="expected mean"):
        Latents(str(folder), 4)
