import numpy as np
import pytest

from effjax.errors import UserError
from effjax.evaluate.frozen import few_labels, read_shots


def test_few_labels_are_the_same_for_whatever_features():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 30)
    good = rng.standard_normal((60, 3)) + 4 * np.eye(3)[labels]
    part = {"features": good, "pixels": rng.standard_normal((60, 3)), "labels": labels}
    mean, half = few_labels(part, part, "features", 2, 5, seed=0)
    assert mean > 0.9
    assert 0 <= half < 0.2
    assert few_labels(part, part, "features", 2, 5, seed=0) == (mean, half)
    worse, _ = few_labels(part, part, "pixels", 2, 5, seed=0)
    assert worse < mean
    with pytest.raises(UserError, match="the smallest class has 30"):
        few_labels(part, part, "features", 2, 31, seed=0)


def test_shots_are_numbers():
    assert read_shots("1, 5") == (1, 5)
    assert read_shots(None) == ()
    with pytest.raises(UserError, match="such as 1,5"):
        read_shots("few")
