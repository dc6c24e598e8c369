"""Losses of classification by name."""

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks import losses
from effjax.tasks.losses import find_loss, list_losses, register_loss

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


def test_a_decorator_registers(monkeypatch):
    monkeypatch.setattr(losses, "_losses", dict(losses._losses))
    monkeypatch.setattr(losses, "_lines", dict(losses._lines))

    @register_loss("squared", "squared distance")
    def squared(logits, targets):
        return jax.numpy.square(logits - targets).sum(-1)

    assert find_loss("squared") is squared
    assert list_losses()["squared"] == "squared distance"
    with pytest.raises(UserError, match="did you mean 'squared'"):
        find_loss("square")


def test_the_focal_loss_is_its_formula():
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    focal = find_loss("focal")
    expected = -(TARGETS * (1 - shares) ** 2 * np.log(shares)).sum(1)
    np.testing.assert_allclose(focal(LOGITS, TARGETS), expected, rtol=1e-5)
    plain = find_loss("cross_entropy")(LOGITS, TARGETS)
    np.testing.assert_allclose(focal(LOGITS, TARGETS, gamma=0.0), plain, rtol=1e-6)
    # finite, with a finite gradient, where the network is sure
    sure = np.array([[100.0, 0.0, 0.0]], np.float32)
    right = np.array([[1.0, 0.0, 0.0]], np.float32)
    slope = jax.grad(lambda z: focal(z, right).sum())(sure)
    assert np.isfinite(slope).all()
