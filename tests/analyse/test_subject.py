"""A run's loss as in evaluation, on a fixed set of its own examples."""

import jax
import numpy as np
import optax
import pytest

from effjax.analyse.subject import open_subject
from effjax.contract import join_variables
from effjax.errors import UserError
from effjax.report import choose_display

QUIET = choose_display(quiet=True)


def test_the_loss_is_that_of_evaluation(subject):
    """No dropout, no batch statistics, no mixing; by hand on the same examples."""
    task = subject.setup.task
    total, count = 0.0, 0
    for batch, weight in subject.examples:
        variables = join_variables(subject.params, subject.model_state)
        logits = task.model.apply(variables, task.images(batch), train=False)
        total += optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).sum()
        count += weight
    assert count == 128
    assert subject.mean_loss(subject.params) == pytest.approx(float(total / count), rel=1e-5)
    assert subject.gradient(subject.params)[0] == pytest.approx(float(total / count), rel=1e-5)


def test_the_examples_are_plain_and_always_the_same(subject):
    passes = subject.examples.passes
    first = [batch["image"] for batch, _ in subject.examples]
    assert subject.examples.passes == passes + 1
    again = [batch["image"] for batch, _ in subject.examples]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    # the window of crop "pad" would show a black border on some
    assert len(np.unique(first[0].reshape(64, -1), axis=0)) == 64


def test_the_gradient_is_that_of_the_mean_loss(subject):
    _, gradient = subject.gradient(subject.params)
    step = jax.tree.map(lambda w, g: w + 1e-2 * g, subject.params, gradient)
    back = jax.tree.map(lambda w, g: w - 1e-2 * g, subject.params, gradient)
    rise = (subject.mean_loss(step) - subject.mean_loss(back)) / 2e-2
    square = sum(float((g**2).sum()) for g in jax.tree.leaves(gradient))
    assert rise == pytest.approx(square, rel=1e-2)


def test_the_first_checkpoint_that_reaches_a_loss(runs, subject):
    here = subject.mean_loss(subject.params)
    early = open_subject(runs[0], "x", 128, QUIET, step=6)
    assert early.step == 6
    found = open_subject(runs[0], "x", 128, QUIET, at_loss=early.mean_loss(early.params))
    assert found.step == 6
    with pytest.raises(UserError, match=r"no checkpoint has a training loss of 0.01 or less"):
        open_subject(runs[0], "x", 128, QUIET, at_loss=min(0.01, here / 2))


def test_a_task_without_a_loss_is_refused(runs, monkeypatch):
    from effjax.contract import Task
    from tests.analyse.conftest import Small

    monkeypatch.setattr(Small, "loss", Task.loss)
    with pytest.raises(UserError, match="has no single loss"):
        open_subject(runs[0], "x", 128, QUIET)


def test_what_is_no_run_is_refused(tmp_path, runs):
    with pytest.raises(UserError, match="is not a run's folder"):
        open_subject(tmp_path, "x", 128, QUIET)
    with pytest.raises(UserError, match="no checkpoint 7; there are: 6, 12"):
        open_subject(runs[0], "x", 128, QUIET, step=7)
