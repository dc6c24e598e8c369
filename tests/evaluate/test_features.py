"""Nearest neighbours and the linear probe on features whose answer is known."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.evaluate.features import knn, linear_probe
from effjax.evaluate.scores import NO_ANSWER

RNG = np.random.default_rng(0)


def clusters(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Features around four directions, and which."""
    labels = RNG.integers(0, 4, count)
    return (np.eye(8)[labels] * 3 + RNG.normal(size=(count, 8)) * 0.3), labels


def test_clusters_are_told_apart():
    train, labels = clusters(200)
    test, truth = clusters(1100)
    assert (knn(train, labels, test, 4) == truth).mean() > 0.99
    said, _ = linear_probe(train, labels, test, 4)
    assert (said == truth).mean() > 0.99


def test_knn_counts_directions_and_not_lengths():
    train, labels = np.array([[1.0, 0.0], [0.0, 50.0]]), np.array([0, 1])
    np.testing.assert_array_equal(knn(train, labels, np.array([[9.0, 4.0]]), 2, 1), [0])


def test_the_probe_is_least_squares_where_nothing_decays():
    """With targets that are a linear map of the features, it finds them."""
    train, test = RNG.normal(size=(300, 3)), RNG.normal(size=(100, 3))
    rule = lambda x: (x @ [1.0, -2.0, 0.5] > 0).astype(int)  # noqa: E731
    said, decay = linear_probe(train, rule(train), test, 2)
    assert (said == rule(test)).mean() > 0.95
    assert decay <= 0.1


def test_noise_cannot_be_told_apart():
    train, test = RNG.normal(size=(200, 8)), RNG.normal(size=(400, 8))
    labels, truth = RNG.integers(0, 4, 200), RNG.integers(0, 4, 400)
    assert (linear_probe(train, labels, test, 4)[0] == truth).mean() < 0.4


def test_features_that_are_not_finite_have_no_answer():
    train, labels = clusters(40)
    test, truth = clusters(6)
    train[0], test[0] = np.nan, np.nan
    for answers in (knn(train, labels, test, 4), linear_probe(train, labels, test, 4)[0]):
        assert answers[0] == NO_ANSWER
        np.testing.assert_array_equal(answers[1:], truth[1:])
    assert (knn(np.full_like(train, np.nan), labels, test, 4) == NO_ANSWER).all()


def test_labels_that_are_no_class_are_refused():
    train, labels = clusters(20)
    for method in (knn, linear_probe):
        with pytest.raises(UserError, match="no class of the network"):
            method(train, labels - 4, train, 4)
