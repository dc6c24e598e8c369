import numpy as np
import pytest

from effjax.errors import UserError
from effjax.evaluate.few import Episodes, few_labels

LABELS = np.repeat(np.arange(3), 30)
NAMES = ("cat", "dog", "owl")


def features(distance):
    """[90, 3]: classes lie `distance` deviations from each other."""
    noise = np.random.default_rng(0).standard_normal((90, 3))
    return noise + distance * np.eye(3)[LABELS]


def test_few_labels_are_the_same_for_whatever_features():
    good, bad = features(2), features(0)
    found = few_labels(good, LABELS, good, LABELS, 3, 5)
    assert found.estimate > 0.7
    assert found.low < found.estimate < found.high
    assert few_labels(good, LABELS, good, LABELS, 3, 5) == found
    assert few_labels(bad, LABELS, bad, LABELS, 3, 5).estimate < found.low
    with pytest.raises(UserError, match="the smallest class has 30"):
        few_labels(good, LABELS, good, LABELS, 3, 31)


def test_episodes_of_classes_far_apart_are_solved():
    episodes = Episodes(ways=2, number=50, queries=5)
    found = episodes.accuracy(features(100), LABELS, NAMES, 1)
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)
    chance = episodes.accuracy(features(0), LABELS, NAMES, 1)
    assert chance.low < 0.5 < chance.high


@pytest.mark.parametrize(
    ("sizes", "shots", "message"),
    [
        ({"ways": 1}, 1, "ways = 1: give 2 or more"),
        ({"ways": 4}, 1, "the data has 3"),
        ({"ways": 2}, 20, "take 35 images of a class, but 'cat' has 30"),
        ({"ways": 2, "number": 1}, 1, "an interval needs 2"),
    ],
)
def test_episodes_that_cannot_be_drawn_are_refused(sizes, shots, message):
    with pytest.raises(UserError, match=message):
        Episodes(**sizes).accuracy(features(4), LABELS, NAMES, shots)
