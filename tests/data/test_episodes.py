import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.data.episodes import open_episodes
from effjax.errors import UserError
from tests.parity.selfsup_check import check_recorded


def test_as_recorded():
    check_recorded("episodes/")


def run_config(**data):
    config = effjax.default_config()
    config.data.update(name="synthetic", image_size=8, batch_size=24, synthetic_examples=60)
    config.data.update(synthetic_classes=6, **data)
    return View(config)


def test_a_batch_is_whole_episodes_and_a_function_of_the_step():
    split = open_episodes(run_config(), ways=3, images=4)
    slots = np.arange(24)
    labels = np.asarray(split.examples.labels())
    rows = split.stream.rows(5, slots)
    by_class = labels[rows].reshape(2, 3, 4)
    assert (by_class == by_class[..., :1]).all()
    assert all(len(set(episode[:, 0])) == 3 for episode in by_class)
    assert all(len(set(rows[start : start + 12])) == 12 for start in (0, 12))
    np.testing.assert_array_equal(split.stream.rows(5, slots[12:]), rows[12:])
    assert not np.array_equal(split.stream.rows(6, slots), rows)
    with split.batches(5) as batches:
        first = next(batches)
    np.testing.assert_array_equal(first["label"], labels[rows])


@pytest.mark.parametrize(
    ("data", "sizes", "said"),
    [
        ({"batch_size": 20}, (3, 4), "an episode has 3 x 4 images\ngive a multiple of 12"),
        ({"batch_size": 28}, (7, 4), "episodes of 7 classes, but the data has 6"),
        ({"batch_size": 36}, (3, 12), "take 12 images of a class"),
        ({"cache": "device"}, (3, 4), "not made on the device"),
        ({"balance": 1.0}, (3, 4), "balanced already"),
    ],
)
def test_what_makes_no_episode_is_refused(data, sizes, said):
    with pytest.raises(UserError, match=said):
        open_episodes(run_config(**data), *sizes)
