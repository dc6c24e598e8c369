"""The hook's result on the devices; tests/contract/test_between.py has it in a run."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract import TrainState
from effjax.training.between import Between


class OneDevice:
    """A runner that leaves the state as it is."""

    def __init__(self, state):
        here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        self.state_shardings = jax.tree.map(lambda _: here, state)

    def gather(self, state):
        return state

    place = gather


def called(returned):
    zero = jnp.zeros((), jnp.int32)
    state = TrainState(zero, {}, {"queue": jnp.zeros((2, 3))}, {}, None, zero, {}, zero)
    task = types.SimpleNamespace(between=lambda state, step, source: returned)
    between = Between(task, None, OneDevice(state))
    assert between.step == -1
    new = between(state, 8)
    assert between.step == 8
    return state, new


def test_what_is_returned_becomes_the_model_state():
    _, new = called({"queue": np.ones((2, 3), np.float32)})
    np.testing.assert_array_equal(new.model_state["queue"], np.ones((2, 3)))


def test_none_leaves_the_state():
    state, new = called(None)
    assert new is state


@pytest.mark.parametrize(
    "returned", [{"queue": np.ones((3, 3), np.float32)}, {"other": np.ones((2, 3), np.float32)}]
)
def test_other_arrays_are_refused(returned):
    with pytest.raises(ValueError, match="the model state has"):
        called(returned)
