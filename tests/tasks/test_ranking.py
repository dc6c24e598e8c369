"""Average precision, AUC and F1 against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from effjax.tasks.ranking import auc, average_precision, f1


@pytest.mark.parametrize("levels", [3, 1000])
def test_they_are_those_of_scikit_learn(levels):
    rng = np.random.default_rng(levels)
    scores = rng.integers(0, levels, 200) / levels  # with few levels there are many ties
    positive = rng.random(200) < 0.2 + 0.5 * scores
    expected = metrics.average_precision_score(positive, scores)
    assert average_precision(scores, positive) == pytest.approx(expected, abs=1e-12)
    expected = metrics.roc_auc_score(positive, scores)
    assert auc(scores, positive) == pytest.approx(expected, abs=1e-12)
    chosen = scores > 0.5
    assert f1(chosen, positive) == pytest.approx(metrics.f1_score(positive, chosen))


def test_what_is_not_defined_is_nan():
    scores = np.array([0.1, 0.9])
    none = np.zeros(2, bool)
    assert np.isnan(average_precision(scores, none))
    assert np.isnan(auc(scores, none))
    assert np.isnan(auc(scores, ~none))
    assert np.isnan(f1(none, none))
    assert np.isnan(average_precision(np.array([np.nan, 1.0]), ~none))
