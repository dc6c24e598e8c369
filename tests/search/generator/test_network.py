"""Probabilities over architectures: they sum to one, and draws have those that they are given."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.generator.network import Writer, drawn, given
from effjax.search.generator.order import Order

OPTIONS = (2, 3, 2)
ALL = jnp.array(list(itertools.product(*map(range, OPTIONS))))
WRITER = Writer(Order((1,), ((2, 0),)), OPTIONS, width=4)


@pytest.fixture(scope="module")
def params():
    return WRITER.init(jax.random.key(0), jnp.zeros((len(ALL), 2)), given(ALL))


def test_they_sum_to_one_under_every_condition(params):
    for condition in ((0.0, 0.0), (1.0, -2.0)):
        conditions = jnp.tile(jnp.array(condition), (len(ALL), 1))
        points, log_probabilities = WRITER.apply(params, conditions, given(ALL))
        assert (points == ALL).all()
        assert jnp.exp(log_probabilities).sum() == pytest.approx(1, abs=1e-5)


def test_draws(params):
    conditions = jnp.ones((16, 2))
    points, log_probabilities = WRITER.apply(params, conditions, drawn(jax.random.key(1)))
    assert (points.min(0) >= 0).all()
    assert (points.max(0) < jnp.array(OPTIONS)).all()
    _, again = WRITER.apply(params, conditions, given(points))
    assert np.asarray(again) == pytest.approx(np.asarray(log_probabilities), abs=1e-6)


def test_even_draws_do_not_heed_the_network(params):
    sure = jax.tree.map(lambda leaf: 100 * leaf, params)
    draws = drawn(jax.random.key(0), even=1.0)
    points, _ = WRITER.apply(sure, jnp.zeros((200, 2)), draws)
    assert abs(points[:, 0].mean() - 0.5) < 0.15
