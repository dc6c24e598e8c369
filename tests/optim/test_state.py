import jax
import jax.numpy as jnp
import optax

from effjax import optim

LOW = {"w": jnp.ones(3, jnp.bfloat16)}


def test_arithmetic_and_state_are_float32():
    tx = optim.in_float32(optax.sgd(0.1, momentum=0.9))
    updates, state = tx.update(LOW, tx.init(LOW), LOW)
    assert updates["w"].dtype == jnp.float32
    assert all(a.dtype == jnp.float32 for a in jax.tree.leaves(state))


def test_no_array_of_the_state_is_the_parameters():
    """DoG keeps its start, which optax takes as it comes."""
    params = {"w": jnp.ones(3)}
    state = optim.steady(optax.contrib.dog()).init(params)
    pointers = {a.unsafe_buffer_pointer() for a in jax.tree.leaves(state)}
    assert params["w"].unsafe_buffer_pointer() not in pointers


def test_types_of_the_state_stay():
    def update(updates, state, params=None):
        return updates, state * 2.0  # float32 from an int32

    tx = optim.steady(optax.GradientTransformation(lambda params: jnp.int32(1), update))
    _, state = tx.update(LOW, tx.init(LOW))
    assert state.dtype == jnp.int32
