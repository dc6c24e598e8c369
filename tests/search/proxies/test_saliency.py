"""Scores of weights against the explicit gradient and Hessian, and micro-batches."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from effjax.search.proxies import saliency
from effjax.search.proxies.network import split
from effjax.search.proxies.weights import total
from tests.search.proxies import tiny

MODULE = tiny.Chain()
SCORES = ("plain", "snip", "grasp", "grad_norm")


def explicit():
    """(flat weights, loss of the flat weights) of a network without biases."""
    batch = tiny.batch()
    flat, unravel = ravel_pytree(tiny.variables_of(MODULE)["params"])

    def loss(flat):
        logits, _ = MODULE.apply({"params": unravel(flat)}, batch.images)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
        return losses.mean()

    return flat, loss


def score(name, batches):
    apply = tiny.apply_of(MODULE)
    program = jax.jit(lambda variables: getattr(saliency, name)(apply, variables, batches))
    return program(tiny.variables_of(MODULE))


def test_grasp_is_minus_w_times_hessian_times_gradient():
    flat, loss = explicit()
    gradient, hessian = jax.jit(jax.grad(loss))(flat), jax.jit(jax.hessian(loss))(flat)
    found = ravel_pytree(score("grasp", [tiny.batch()]))[0]
    np.testing.assert_allclose(found, -flat * (hessian @ gradient), atol=1e-12)


def test_snip_and_plain_are_w_times_gradient():
    flat, loss = explicit()
    product = flat * jax.jit(jax.grad(loss))(flat)
    np.testing.assert_allclose(ravel_pytree(score("plain", [tiny.batch()]))[0], product, atol=1e-12)
    np.testing.assert_allclose(
        ravel_pytree(score("snip", [tiny.batch()]))[0], jnp.abs(product), atol=1e-12
    )


@pytest.mark.parametrize("name", SCORES)
def test_unequal_micro_batches_are_one_batch(name):
    """The published code adds the gradients of the parts, so that its scores double."""
    whole = float(total(score(name, [tiny.batch(count=5)])))
    parts = total(score(name, split(tiny.batch(count=5), 2)))
    assert float(parts) == pytest.approx(whole, rel=1e-12)
