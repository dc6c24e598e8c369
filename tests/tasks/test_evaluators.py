"""Evaluators of classification and of samples by name."""

import pytest

from effjax.errors import UserError
from effjax.tasks.accuracy import Accuracy
from effjax.tasks.evaluators import find_evaluator, find_sample_evaluator, list_evaluators


def test_accuracy_is_that_of_the_default_config():
    assert find_evaluator("classification") is Accuracy
    assert all(list_evaluators().values())


def test_an_unknown_evaluator_is_named():
    with pytest.raises(UserError, match="unknown evaluator 'clasification'; did you mean 'classif"):
        find_evaluator("clasification")


def test_evaluators_of_samples_are_found_in_the_room_above():
    import effjax  # noqa: F401  it names the room

    found = find_sample_evaluator("samples", "diffusion", "denoising")
    assert found.__module__ == "effjax.sample.while_training"
    message = "task 'diffusion' has no evaluator 'sampels'; known: 'denoising', 'samples'"
    with pytest.raises(UserError, match=message):
        find_sample_evaluator("sampels", "diffusion", "denoising")
