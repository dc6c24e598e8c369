import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim import create

PARAMS = {"w": jnp.full((2, 3), 2.0), "b": jnp.full(3, 2.0)}
GRADS = {"w": jnp.full((2, 3), 0.5), "b": jnp.full(3, -0.5)}


def assert_trees_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)


def test_injected_rate_is_found_inside_wrappers():
    inner = optim.create_injected("sgd", 0.1)
    tx = optax.MultiSteps(optax.chain(optax.clip(1.0), inner), every_k_schedule=1)
    state = optim.set_learning_rate(tx.init(PARAMS), 0.5)
    updates, _ = tx.update(GRADS, state, PARAMS)
    assert_trees_close(updates, jax.tree.map(lambda g: -0.5 * g, GRADS))


def test_no_injected_rate_is_an_error():
    with pytest.raises(ValueError, match="create_injected"):
        optim.set_learning_rate(create("sgd", 0.1).init(PARAMS), 0.5)
