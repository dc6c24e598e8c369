import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.data import open_training
from effjax.errors import UserError
from effjax.search.cells.halves import HalfOrder, TwoParts, parts_of


def split(**data):
    config = effjax.default_config()
    config.data.update(name="synthetic", image_size=8, batch_size=4, synthetic_examples=24)
    config.data.update(data)
    return open_training(View(config))


def test_the_parts_share_no_image_and_are_seen_whole():
    parts = TwoParts(split(), seed=0, share=0.5)
    seen = []
    for part in parts._parts:
        rows = [row["row"] for step in range(3) for row in part.rows(step)]
        assert len(set(rows)) == 12
        seen.append(set(rows))
    assert not seen[0] & seen[1]


def test_a_batch_is_a_function_of_its_step():
    parts = TwoParts(split(), seed=0, share=0.5)
    first = parts.batches()
    next(first)
    wanted = next(first)
    first.close()
    later = parts.batches(1)
    again = next(later)
    later.close()
    assert sorted(wanted) == sorted(parts.spec)
    assert all(np.array_equal(wanted[name], again[name]) for name in wanted)
    own, held_out = parts_of(wanted)
    assert sorted(own) == sorted(held_out) == ["image", "index", "label", "mask"]
    assert not np.array_equal(own["image"], held_out["image"])


def test_an_epoch_goes_through_a_part_as_often_as_it_fits():
    order = HalfOrder(np.array([3, 5, 7]), examples=6, seed=0, part=0)
    assert np.bincount(order(0), minlength=8)[[3, 5, 7]].tolist() == [2, 2, 2]
    assert not np.array_equal(order(0), order(1)) or not np.array_equal(order(1), order(2))


def test_a_part_of_less_than_a_batch_is_refused():
    with pytest.raises(UserError, match="2 of 24 images are one part of a search by gradient"):
        TwoParts(split(), seed=0, share=22 / 24)
    with pytest.raises(UserError, match=r"set data\.cache=memory"):
        TwoParts(split(cache="device"), seed=0, share=0.5)
