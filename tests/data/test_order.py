"""The order of examples and their generators."""

import dataclasses

import numpy as np

from effjax.data.images.augment import train_transform
from effjax.data.order import Generators
from effjax.data.pixels import Pixels
from effjax.data.stream import TrainStream
from effjax.data.views import Views
from tests.data.test_stream import CONFIG, Files, training


def test_repeats_need_not_divide_the_batch():
    rows = training(Pixels(Files(), skip=True), batch_size=8, repeats=3)
    batch = [int(rows(p)["label"]) for p in range(8)]
    stream = TrainStream(Views(Pixels(Files()), train_transform(with_repeats(3)), False), 0, 8)
    shown = stream.rows(0, np.arange(8))
    assert sorted(np.unique(shown, return_counts=True)[1]) == [2, 3, 3]
    assert batch == [row % 2 for row in shown]


def with_repeats(repeats):
    return dataclasses.replace(CONFIG, augment=dataclasses.replace(CONFIG.augment, repeats=repeats))


def test_a_generator_belongs_to_a_position():
    some, others = Generators(0, np.array([7, 1 << 45])), Generators(0, np.array([3, 7]))
    others(0).normal(size=5)
    others(0).integers(3, dtype=np.uint32)  # half of a drawn number is left over
    drawn = some(0).random(1000)
    np.testing.assert_array_equal(others(1).random(1000), drawn)
    for other in (some(1), others(0), Generators(1, np.array([7]))(0)):
        assert abs(np.corrcoef(other.random(1000), drawn)[0, 1]) < 0.1
