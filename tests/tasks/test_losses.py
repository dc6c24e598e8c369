"""Losses of classification by name."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.losses import find_loss, list_losses

LOGITS = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 0.0]], np.float32)
TARGETS = np.array([[0.9, 0.0, 0.1], [0.0, 1.0, 0.0]], np.float32)


def test_the_losses_are_their_formulas():
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    expected = -(TARGETS * np.log(shares)).sum(1)
    np.testing.assert_allclose(find_loss("cross_entropy")(LOGITS, TARGETS), expected, rtol=1e-6)
    yes = 1 / (1 + np.exp(-LOGITS))
    expected = -(TARGETS * np.log(yes) + (1 - TARGETS) * np.log(1 - yes)).mean(1)
    found = find_loss("binary_cross_entropy")(LOGITS, TARGETS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_unknown_loss_is_named():
    assert all(list_losses().values())
    with pytest.raises(
        UserError, match="unknown loss 'crossentropy'; did you mean 'cross_entropy'"
    ):
        find_loss("crossentropy")
