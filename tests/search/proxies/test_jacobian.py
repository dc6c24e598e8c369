"""Scores of the Jacobian where they are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.proxies.jacobian import SMALL, jacob_cov, ntk_condition
from effjax.search.proxies.network import Batch, Pass, split
from tests.search.proxies import tiny


def test_uncorrelated_rows_score_highest():
    """Rows of a Hadamard matrix: all eigenvalues of the correlation are 1."""
    rows = jnp.array([[1.0, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])

    def apply(variables, images, train):
        # the gradient to image i is row i
        return Pass((images.reshape(3, 4) * rows).sum(-1, keepdims=True), images, variables)

    images = jnp.zeros((3, *tiny.IMAGE))
    found = jacob_cov(apply, {}, [Batch(images, jnp.zeros(3, int))])
    assert found == pytest.approx(-3 * (np.log(1 + SMALL) + 1 / (1 + SMALL)), rel=1e-12)


def test_condition_against_the_explicit_kernel():
    """Of one linear layer, the gradient of the summed logits is the image, once a class."""
    module = tiny.Chain(widths=())
    batch = tiny.batch(count=3)
    flat = batch.images.reshape(3, -1)
    eigenvalues = np.linalg.eigvalsh(tiny.CLASSES * flat @ flat.T)
    found = ntk_condition(tiny.apply_of(module), tiny.variables_of(module), [batch])
    assert found == pytest.approx(eigenvalues[-1] / eigenvalues[0], rel=1e-9)
    parts = split(batch, 2)
    again = ntk_condition(tiny.apply_of(module), tiny.variables_of(module), parts)
    assert again == pytest.approx(float(found), rel=1e-9)
