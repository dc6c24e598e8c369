import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import Spider, Svrg, finite_sum

A = jnp.array([[1.0, 0.5], [0.2, 2.0], [1.5, -1.0], [0.3, 0.4]])
Y = jnp.array([1.0, -1.0, 0.5, 2.0])
DATA = (A, Y)
PATH = [jnp.array([0.0, 0.0]), jnp.array([0.4, -0.1]), jnp.array([0.3, 0.2])]


def loss(x, batch):
    a, y = batch
    return jnp.mean(jnp.cosh(a @ x - y))


GRAD = jax.grad(loss)


def one(i):
    return A[i : i + 1], Y[i : i + 1]


def estimates(estimator, batches):
    """The directions along PATH: all data at its start, then one example each."""
    state = estimator.init(PATH[0])
    v, state = estimator.restart(GRAD, PATH[0], state, DATA)
    directions = [v]
    for x, i in zip(PATH[1:], batches):
        v, state = estimator.estimate(GRAD, x, state, one(i))
        directions.append(v)
    return directions


def test_svrg_is_unbiased_at_every_step():
    for t, x in enumerate(PATH[1:], 1):
        mean = np.mean([estimates(Svrg(10), [i] * t)[t] for i in range(4)], axis=0)
        np.testing.assert_allclose(mean, GRAD(x, DATA), rtol=1e-5)


def test_spider_is_unbiased_over_all_paths_and_biased_given_the_past():
    paths = list(itertools.product(range(4), repeat=2))
    last = np.array([estimates(Spider(10), path)[2] for path in paths])
    np.testing.assert_allclose(last.mean(0), GRAD(PATH[2], DATA), rtol=1e-5)

    first = estimates(Spider(10), [0])[1]
    given_past = np.mean([estimates(Spider(10), [0, i])[2] for i in range(4)], axis=0)
    bias = given_past - GRAD(PATH[2], DATA)
    np.testing.assert_allclose(bias, first - GRAD(PATH[1], DATA), rtol=1e-4, atol=1e-6)
    assert np.abs(bias).max() > 0.01


@pytest.mark.parametrize("estimator", [Svrg(8), Spider(8)])
def test_variance_vanishes_where_sgd_keeps_its_noise(estimator):
    run = finite_sum(
        GRAD, jnp.zeros(2), DATA, estimator, optax.sgd(0.1), key=jax.random.key(0), batch_size=1
    )
    last = list(itertools.islice(run, 800))[-1]
    assert jnp.linalg.norm(GRAD(last.params, DATA)) < 1e-5
    noise = [jnp.linalg.norm(GRAD(last.params, one(i))) for i in range(4)]
    assert min(noise) > 0.1
    assert last.gradients == 100 * 4 + 700 * 2


def test_a_period_below_one_is_answered():
    with pytest.raises(ValueError, match="at least 1"):
        Svrg(0)
