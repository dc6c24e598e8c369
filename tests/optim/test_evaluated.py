import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.optim import create

PARAMS = {"w": jnp.full((2, 3), 2.0), "b": jnp.full(3, 2.0)}
GRADS = {"w": jnp.full((2, 3), 0.5), "b": jnp.full(3, -0.5)}


def assert_trees_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)


def test_eval_params_of_schedule_free_is_the_average():
    tx = optax.chain(optax.clip(10.0), create("schedule_free_sgd", 0.1, clip_norm=9.0))
    params, state = PARAMS, tx.init(PARAMS)
    z, average = PARAMS, PARAMS
    for t in range(3):
        updates, state = tx.update(GRADS, state, params)
        params = optax.apply_updates(params, updates)
        z = jax.tree.map(lambda z, g: z - 0.1 * g, z, GRADS)
        average = jax.tree.map(lambda x, z, t=t: x + (z - x) / (t + 1), average, z)
    assert_trees_close(optim.eval_params(params, state), average)


def test_eval_params_of_one_group_leaves_the_other_alone():
    groups = {"free": create("schedule_free_sgd", 0.1), "plain": create("sgd", 0.1)}
    tx = optax.multi_transform(groups, {"w": "free", "b": "plain"})
    state = tx.init(PARAMS)
    updates, state = tx.update(GRADS, state, PARAMS)
    params = optax.apply_updates(PARAMS, updates)
    evaluated = optim.eval_params(params, state)
    np.testing.assert_array_equal(evaluated["b"], params["b"])
    np.testing.assert_allclose(evaluated["w"], 2.0 - 0.1 * 0.5, rtol=1e-6)
