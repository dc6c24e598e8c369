"""Scores of single labels and numbers against scikit-learn; images of another kind are refused."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics

from effjax.errors import UserError
from effjax.evaluate.network import Wanted, data_of, evaluate_network
from effjax.evaluate.several import _of_label, _of_number
from effjax.report import choose_display
from effjax.trained.meaning import Meaning

RNG = np.random.default_rng(0)


def test_scores_of_a_label():
    logits = RNG.normal(size=50)
    targets = (logits + RNG.normal(size=50) > 0.3).astype(float)
    found = _of_label(logits, targets)
    chosen = logits > 0
    assert found["images"] == targets.sum()
    expected = {
        "recall": metrics.recall_score(targets, chosen),
        "precision": metrics.precision_score(targets, chosen),
        "f1": metrics.f1_score(targets, chosen),
        "auc": metrics.roc_auc_score(targets, logits),
        "average_precision": metrics.average_precision_score(targets, logits),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    nobody = _of_label(-np.ones(3), np.zeros(3))
    assert np.isnan([nobody[key] for key in expected]).all()


def test_errors_of_a_number():
    targets = RNG.normal(5.0, 2.0, 50)
    given = targets + RNG.normal(0.5, 1.0, 50)
    expected = {
        "mean": targets.mean(),
        "mae": metrics.mean_absolute_error(targets, given),
        "rmse": metrics.root_mean_squared_error(targets, given),
        "bias": (given - targets).mean(),
        "r2": metrics.r2_score(targets, given),
    }
    assert _of_number(given, targets) == pytest.approx(expected)
    assert np.isnan(_of_number(given, np.ones(50))["r2"])


def test_what_has_no_meaning_is_refused(trained, photos):
    several = dataclasses.replace(trained, meaning=Meaning("labels"))
    data = data_of(several, None, str(photos), None)
    display = choose_display(quiet=True)
    with pytest.raises(UserError, match="has one class an image, tiny gives labels"):
        evaluate_network(several, data, display, Wanted())
    with pytest.raises(UserError, match="--attack is for networks of one class an image"):
        evaluate_network(several, data, display, Wanted(attack=True))
