"""Evaluators of classification by name."""

import pytest

from effjax.errors import UserError
from effjax.tasks import evaluators
from effjax.tasks.accuracy import Accuracy
from effjax.tasks.evaluators import find_evaluator, list_evaluators, register_evaluator


def test_accuracy_is_that_of_the_default_config():
    assert find_evaluator("classification") is Accuracy
    assert all(list_evaluators().values())


def test_a_decorator_registers(monkeypatch):
    monkeypatch.setattr(evaluators, "_evaluators", dict(evaluators._evaluators))
    monkeypatch.setattr(evaluators, "_lines", dict(evaluators._lines))

    @register_evaluator("nothing", "measures nothing")
    class Nothing:
        pass

    assert find_evaluator("nothing") is Nothing
    assert list_evaluators()["nothing"] == "measures nothing"
    with pytest.raises(UserError, match=r"unknown evaluator 'nothin'; did you mean 'nothing'"):
        find_evaluator("nothin")
