import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.few_shot.prototypes import accuracies
from tests.parity.selfsup_check import check_recorded

NAMES = [f"class {number}" for number in range(6)]
LABELS = np.repeat(np.arange(6), 8)


@pytest.mark.slow
def test_as_recorded():
    check_recorded("meta_baseline/")


def features(noise):
    rng = np.random.default_rng(0)
    centres = np.eye(6)[LABELS]
    return centres + noise * rng.standard_normal((48, 6))


@pytest.mark.parametrize("metric", ["cosine", "dot", "squared"])
def test_classes_that_are_far_apart_are_told(metric):
    sizes = {"ways": 3, "shots": 2, "queries": 4, "episodes": 20}
    assert accuracies(features(0.01), LABELS, NAMES, metric=metric, **sizes).mean() == 1


def test_episodes_depend_on_the_seed_and_not_on_the_features():
    sizes = {"ways": 4, "shots": 1, "queries": 3, "episodes": 30}
    one = accuracies(features(1.0), LABELS, NAMES, **sizes)
    np.testing.assert_array_equal(one, accuracies(features(1.0), LABELS, NAMES, **sizes))
    other = accuracies(features(1.0), LABELS, NAMES, seed=1, **sizes)
    assert not np.array_equal(one, other)
    assert 0.25 < one.mean() < 0.7


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"ways": 7}, "episodes of 7 classes, but the data has 6"),
        ({"shots": 9}, "take 24 images of a class, but 'class 0' has 8"),
        ({"shots": 0}, "shots = 0"),
        ({"episodes": 1}, "an interval needs 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(sizes, said):
    with pytest.raises(UserError, match=said):
        accuracies(features(0.1), LABELS, NAMES, **sizes)


def test_features_that_are_not_finite_are_refused():
    broken = features(0.1)
    broken[3] = np.nan
    with pytest.raises(UserError, match="not finite"):
        accuracies(broken, LABELS, NAMES, ways=2, queries=1)
