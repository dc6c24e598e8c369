"""Lanczos: exact where it can be, with residuals where it is not."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.products import Operator


def operator(matrix):
    matrix = jnp.asarray(matrix, jnp.float32)
    return Operator(lambda v: matrix @ v, len(matrix), jnp.float32)


def with_spectrum(spectrum, seed=0):
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((len(spectrum), len(spectrum))))
    start = jnp.asarray(rng.standard_normal(len(spectrum)), jnp.float32)
    return operator((basis * spectrum) @ basis.T), start


def test_distinct_eigenvalues_need_as_many_steps():
    spectrum = np.repeat([-2.0, 0.5, 3.0], [4, 9, 7])
    found = lanczos(*with_spectrum(spectrum), steps=20)
    assert len(found.diagonal) == 3
    np.testing.assert_allclose(found.solve()[0], [-2.0, 0.5, 3.0], atol=1e-5)


def test_ends_with_their_residuals():
    spectrum = np.concatenate([[-4.0, -3.5], np.linspace(0, 1, 40), [7.0, 9.0]])
    matrix, start = with_spectrum(spectrum)
    found = lanczos(matrix, start, steps=14)
    top = eigenvalues(found, 2)
    bottom = eigenvalues(found, 2, "bottom")
    np.testing.assert_allclose(top.values, [9.0, 7.0], atol=1e-3)
    np.testing.assert_allclose(bottom.values, [-4.0, -3.5], atol=1e-3)
    # the residual is what the product itself says
    for ends in (top, bottom):
        for value, residual, vector in zip(*ends):
            true = np.linalg.norm(matrix.product(vector) - value * vector)
            assert true == pytest.approx(residual, abs=1e-5)


def test_residuals_bound_the_error_after_few_steps():
    spectrum = np.linspace(0, 10, 50)
    value, residual, _ = (
        part[0] for part in eigenvalues(lanczos(*with_spectrum(spectrum), steps=8), 1)
    )
    assert residual > 0.01
    assert np.abs(spectrum - value).min() <= residual


def test_the_largest_in_magnitude_is_not_the_top():
    found = lanczos(*with_spectrum(np.array([-0.986, 0.2, 0.9953])), steps=3)
    assert eigenvalues(found, 1).values[0] == pytest.approx(0.9953, abs=1e-5)


def test_another_end_is_refused():
    with pytest.raises(ValueError, match="top or bottom"):
        eigenvalues(lanczos(*with_spectrum(np.ones(3)), steps=3), 1, "middle")
