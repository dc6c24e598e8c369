import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.tasks.pretraining.contrast.options import ContrastConfig
from effjax.tasks.pretraining.contrast.prototypes import Prototypes
from effjax.tasks.pretraining.teacher import unit


def make(**options):
    return Prototypes(ContrastConfig(dim=3, clusters=(2, 4), **options), 0, None)


def test_examples_that_cannot_be_read_belong_to_no_cluster():
    prototypes = make(cluster_restarts=1, cluster_iterations=2)
    state = prototypes.fresh(jax.random.key(0), 12)
    features = np.asarray(unit(jax.random.normal(jax.random.key(1), (12, 3))))
    valid = np.arange(12) != 5
    broken = np.where(valid[:, None], features, np.nan)
    new = prototypes.expectation(state, broken, valid, 3)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(new))
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, state)


def test_the_loss_is_the_mean_over_the_clusterings():
    prototypes = make()
    state = prototypes.fresh(jax.random.key(0), 6)
    query = unit(jnp.ones((1, 3)))
    # equal prototypes: chance
    for number in ("0", "1"):
        state[number]["centroids"] = jnp.ones_like(state[number]["centroids"])
    losses = prototypes.losses(state, query, jnp.array([2]), 0, jax.random.key(0))
    assert float(losses[0]) == pytest.approx((np.log(2) + np.log(4)) / 2, rel=1e-5)


def test_more_prototypes_than_examples_are_refused():
    with pytest.raises(UserError, match="4 prototypes of 3 training images"):
        make().fresh(jax.random.key(0), 3)
