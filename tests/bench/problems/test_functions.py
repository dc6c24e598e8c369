"""Functions with a known minimum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.bench.problems import make_problem
from effjax.bench.schema import workload
from effjax.config import View


def make(name, **model):
    return make_problem(View(workload(problem=name, model=model)))


def value_at(problem, x):
    return problem.evaluate({"x": jnp.asarray(x, jnp.float32)}, {}, {})["val/loss"]


def test_rosenbrock_has_its_minimum_at_one():
    problem = make("rosenbrock", dim=4, noise=0.0)
    assert value_at(problem, np.ones(4)) == 0.0
    assert value_at(problem, np.zeros(4)) == 3.0


def test_the_quadratic_has_the_spectrum_that_was_asked_for():
    problem = make("quadratic", dim=6, condition=100.0, noise=0.0, rotated=True)
    hessian = jax.hessian(lambda x: problem.evaluate({"x": x}, {}, {})["val/loss"])(jnp.zeros(6))
    eigenvalues = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose(eigenvalues, np.geomspace(0.01, 1.0, 6), rtol=1e-3)


def test_noise_is_in_the_gradient_alone():
    problem = make("quadratic", dim=6, condition=10.0, noise=0.5, rotated=False)
    quiet = make("quadratic", dim=6, condition=10.0, noise=0.0, rotated=False)
    params, state = problem.init(jax.random.key(0))

    def loss(problem, params, key):
        return problem.loss(params, state, {}, jax.random.key(key), 0)[0]

    assert loss(problem, params, 1) == pytest.approx(loss(quiet, params, 1))
    gradients = [jax.grad(loss, 1)(p, params, 1)["x"] for p in (problem, quiet)]
    difference = gradients[0] - gradients[1]
    np.testing.assert_allclose(
        difference, 0.5 * jax.random.normal(jax.random.key(1), (6,)), atol=1e-6
    )
