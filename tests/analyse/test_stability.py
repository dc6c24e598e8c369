"""Two trainings that differ in one example."""

import itertools

import numpy as np

from effjax.analyse.settings import Settings
from effjax.analyse.stability import look_at_stability, neighbouring


def test_one_example_differs_wherever_it_is_shown(subject):
    in_epoch = subject.setup.source.num_examples // 64
    differing = []
    for ours, other in itertools.islice(neighbouring(subject), in_epoch):
        rows = (ours["image"] != other["image"]).reshape(64, -1).any(1)
        differing.append(int(rows.sum()))
        np.testing.assert_array_equal(ours["index"], other["index"])
    assert differing[0] == 1
    assert sum(differing) == 1


def test_trainings_come_apart(subject):
    found = look_at_stability(subject, Settings(updates=3))
    apart = found.curves["distances"]
    assert len(apart) == 3
    assert 0 < apart[0] < found.values["distance"] * 3
    assert found.values["distance / size of the first weights"] < 0.2
