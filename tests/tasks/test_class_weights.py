"""How much the examples of each class count."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.class_weights import class_weights

NAMES = ("cat", "dog", "eel")
LABELS = np.repeat([0, 1], [30, 10])


def test_balanced_gives_every_class_the_same_share():
    weights = class_weights("balanced", NAMES, LABELS)
    np.testing.assert_allclose(weights, [40 / 60, 2.0, 0.0], rtol=1e-6)
    assert weights[LABELS].mean() == pytest.approx(1.0)
    shares = np.bincount(LABELS, weights[LABELS])
    assert shares[0] == pytest.approx(shares[1])


def test_weights_by_name():
    assert class_weights([("dog", 3.0)], NAMES, LABELS).tolist() == [1, 3, 1]


def test_wrong_names_are_refused():
    with pytest.raises(UserError, match="no class 'dgo'; did you mean 'dog'"):
        class_weights([("dgo", 3.0)], NAMES, LABELS)
    with pytest.raises(UserError, match="names 'dog' twice"):
        class_weights([("dog", 3.0), ("dog", 1.0)], NAMES, LABELS)
