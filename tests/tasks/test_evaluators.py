"""Evaluators of classification by name."""

import pytest

from effjax.errors import UserError
from effjax.tasks.accuracy import Accuracy
from effjax.tasks.evaluators import find_evaluator, list_evaluators


def test_accuracy_is_that_of_the_default_config():
    assert find_evaluator("classification") is Accuracy
    assert all(list_evaluators().values())


def test_an_unknown_evaluator_is_named():
    with pytest.raises(UserError, match="unknown evaluator 'clasification'; did you mean 'classif"):
        find_evaluator("clasification")
