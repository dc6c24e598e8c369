"""Scores of logits against counts by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from effjax.errors import UserError
from effjax.evaluate.scores import (
    NO_ANSWER,
    area_under_roc,
    by_class,
    calibration,
    confusion,
    log_softmax,
    overall,
    predicted,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(300, 7)).astype(np.float32)
LABELS = RNG.integers(0, 7, 300)


def test_accuracies_and_loss_are_those_of_scikit_learn():
    found = overall(LOGITS, LABELS)
    classes = range(7)
    top1, top5 = (metrics.top_k_accuracy_score(LABELS, LOGITS, k=k, labels=classes) for k in (1, 5))
    assert found["top1"] == top1
    assert found["top5"] == top5
    expected = metrics.log_loss(LABELS, np.exp(log_softmax(LOGITS)), labels=classes)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)


def test_ties_count_against_the_network():
    found = overall(np.zeros((4, 6), np.float32), np.arange(4))
    assert (found["top1"], found["top5"]) == (0.0, 0.0)


def test_confusion_and_classes():
    counts = confusion(LOGITS, LABELS)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(LABELS, LOGITS.argmax(1)))
    each = by_class(counts)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        LABELS, LOGITS.argmax(1)
    )
    np.testing.assert_allclose(each["recall"], recall)
    np.testing.assert_allclose(each["precision"], precision)
    np.testing.assert_allclose(each["f1"], f1)
    np.testing.assert_array_equal(each["examples"], support)


def test_areas_are_those_of_scikit_learn():
    rounded = np.round(LOGITS)  # many ties
    scores = log_softmax(rounded)
    expected = [metrics.roc_auc_score(k == LABELS, scores[:, k]) for k in range(7)]
    np.testing.assert_allclose(area_under_roc(rounded, LABELS), expected)


def test_areas_without_examples_or_answers():
    logits = np.array([[2.0, 0.0, 0.0], [np.nan, 0.0, 0.0], [0.0, 2.0, 0.0]])
    areas = area_under_roc(logits, np.array([0, 0, 1]))
    # one of the two of class 0 ranks above the other class, and the one without an answer nowhere
    np.testing.assert_allclose(areas[:2], [0.5, 0.5])
    assert np.isnan(areas[2])


def test_a_class_that_is_never_mistaken_or_never_there():
    each = by_class(np.array([[3, 0, 0], [2, 1, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(each["mistaken_for"], [-1, 0, -1])
    assert np.isnan(each["recall"][2])
    assert np.isnan(each["precision"][2])


def test_calibration_by_hand():
    """Ten answers of confidence 0.9, six of them right; five of 0.6, three right."""
    shares = np.r_[np.full(10, 0.9), np.full(5, 0.6)]
    logits = np.log(np.c_[shares, 1 - shares]).astype(np.float32)
    labels = np.r_[np.zeros(6, int), np.ones(4, int), np.zeros(3, int), np.ones(2, int)]
    found = calibration(logits, labels)
    np.testing.assert_allclose(found.error, (10 * 0.3 + 5 * 0.0) / 15, atol=1e-6)
    assert found.counts.sum() == 15
    np.testing.assert_allclose(found.accuracy[found.counts > 0], [0.6, 0.6])


def test_nan_is_never_right():
    """`argmax` and `>=` would both make it a hit for class 0."""
    found = overall(np.full((6, 10), np.nan), np.arange(6))
    assert (found["top1"], found["top5"]) == (0.0, 0.0)
    assert np.isnan(found["loss"])
    assert np.isnan(found["calibration_error"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_logit_makes_its_example_wrong_and_no_other(bad):
    logits, labels = np.eye(4, dtype=np.float32), np.arange(4)
    logits[0, 0] = bad
    assert overall(logits, labels)["top1"] == 0.75
    np.testing.assert_array_equal(predicted(logits), [NO_ANSWER, 1, 2, 3])
    counts = confusion(logits, labels)
    np.testing.assert_array_equal(np.diag(counts), [0, 1, 1, 1])
    each = by_class(counts, np.bincount(labels))
    np.testing.assert_array_equal(each["recall"], [0, 1, 1, 1])
    assert calibration(logits, labels).counts.sum() == 3


@pytest.mark.parametrize("labels", [[0, 4, 1], [0, -1, 1]])
def test_labels_that_are_no_class_are_refused(labels):
    with pytest.raises(UserError, match="1 of 3 labels are no class"):
        overall(np.zeros((3, 4)), np.array(labels))
