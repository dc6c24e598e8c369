"""Batch statistics that follow the weights, whatever the momentum of a layer."""

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from effjax.analyse.slices import loss_along, sharpest, statistics_of
from effjax.contract import join_variables
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.spectrum import signs


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


def test_the_sharpest_directions(subject):
    """At right angles, and bent as the two largest eigenvalues say."""
    found = sharpest(subject, jax.random.key(0), 2)
    first, second = (np.asarray(ravel_pytree(direction)[0]) for direction in found)
    np.testing.assert_allclose([first @ first, second @ second], 1.0, rtol=1e-4)
    assert abs(first @ second) < 1e-4
    bends = [float(v @ subject.hessian.product(v)) for v in (first, second)]
    start, *_ = signs(jax.random.key(1), subject.hessian, 1)
    largest = eigenvalues(lanczos(subject.hessian, start, 15), 2).values
    np.testing.assert_allclose(bends, largest, rtol=0.02)
