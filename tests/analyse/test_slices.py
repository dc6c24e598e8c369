"""Batch statistics that follow the weights, whatever the momentum of a layer."""

import jax
import numpy as np

from effjax.analyse.slices import loss_along, statistics_of
from effjax.contract import join_variables


def test_statistics_are_the_mean_of_the_batches(subject):
    model_state = statistics_of(subject)(subject.params)
    task = subject.setup.task
    means = []
    for batch, _ in subject.examples:
        variables = join_variables(subject.params, subject.model_state)
        _, seen = task.model.apply(
            variables, task.images(batch), train=False, capture_intermediates=True
        )
        means.append(seen["intermediates"]["body"]["__call__"][0].mean(0))
    found = model_state["batch_stats"]["norm"]["mean"]
    np.testing.assert_allclose(found, np.mean(means, 0), atol=1e-4)


def test_a_scale_before_batch_norm_changes_nothing(subject):
    """The running statistics of the run would make it another loss."""
    loss_at = loss_along(subject)
    scaled = jax.tree.map(lambda w: w, subject.params)
    scaled["body"] = {"kernel": 3 * scaled["body"]["kernel"], "bias": 3 * scaled["body"]["bias"]}
    here = loss_at(subject.params)
    assert abs(loss_at(scaled) - here) < 1e-3
    assert abs(subject.mean_loss(scaled) - here) > 1e-2
