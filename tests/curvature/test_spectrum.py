"""Traces with their errors, and densities that are exact on polynomials."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature.spectrum import Quadrature, density, quadrature, signs, trace, traces
from tests.curvature.test_lanczos import operator, with_spectrum


def test_a_diagonal_has_its_trace_from_one_draw():
    found = trace(operator(np.diag([1.0, 2.0, 4.0])), [jnp.array([1.0, -1.0, 1.0])])
    assert found.value == pytest.approx(7.0)
    assert np.isnan(found.error)


def test_the_error_of_a_trace_is_as_stated():
    matrix, _ = with_spectrum(np.linspace(-1, 3, 30))
    found = trace(matrix, signs(jax.random.key(0), matrix, 200))
    assert abs(found.value - 30.0) < 4 * found.error
    dense = np.stack([matrix.product(row) for row in jnp.eye(30)])
    deviation = np.sqrt(2 * ((dense**2).sum() - (np.diag(dense) ** 2).sum()))
    assert found.error == pytest.approx(deviation / np.sqrt(200), rel=0.2)


def test_blocks_have_their_traces():
    """Over all vectors of signs there is no error left."""
    matrix, _ = with_spectrum(np.array([-1.0, 0.5, 2.0, 5.0]))
    dense = np.stack([matrix.product(row) for row in jnp.eye(4)])
    blocks = {"first": jnp.array([True, True, True, False]), "last": jnp.arange(4) == 3}
    draws = [jnp.array(row) for row in itertools.product([-1.0, 1.0], repeat=4)]
    found = traces(matrix, draws, blocks)
    assert found["first"].value == pytest.approx(np.diag(dense)[:3].sum(), rel=1e-5)
    assert found["last"].value == pytest.approx(dense[3, 3], rel=1e-5)
    assert found["last"].error > 0  # of the signs of the other block


def test_quadrature_is_exact_on_polynomials():
    spectrum = np.linspace(-1, 1, 20)
    matrix, start = with_spectrum(spectrum)
    found = quadrature(matrix, [start], steps=4)
    assert found.weights.sum() == pytest.approx(1.0)
    unit = np.asarray(start / jnp.linalg.norm(start), np.float64)
    dense = np.stack([np.asarray(matrix.product(row), np.float64) for row in jnp.eye(20)])
    powers = unit
    for degree in range(1, 8):  # up to 2k - 1
        powers = dense @ powers
        by_nodes = (found.weights * found.nodes**degree).sum()
        assert by_nodes == pytest.approx(unit @ powers, abs=2e-5), degree


def test_starts_that_end_early_weigh_as_much():
    matrix = operator(np.diag([1.0, 2.0, 2.0]))
    found = quadrature(matrix, [jnp.array([0.0, 1.0, 0.0]), jnp.ones(3)], steps=3)
    np.testing.assert_allclose(found.weights.sum(1), 1.0, atol=1e-6)
    assert found.nodes[0].tolist() == [2.0, 2.0]


def test_density_has_area_one_and_peaks_at_nodes():
    grid, curve = density(Quadrature(np.array([[0.0, 3.0]]), np.array([[0.75, 0.25]])))
    assert curve.sum() * (grid[1] - grid[0]) == pytest.approx(1.0)
    assert grid[curve.argmax()] == pytest.approx(0.0, abs=0.01)
