"""The members of the Win family that one table makes."""

import inspect

import jax.numpy as jnp
import pytest

from effjax import optim

P = jnp.ones(3)


def test_state_arrays_of_the_modes():
    assert optim.adamw_win(0.1).init(P)[-1].y is None
    assert optim.adamw_win(0.1, mode="win2").init(P)[-1].y is not None


def test_an_unknown_mode_is_answered():
    with pytest.raises(ValueError, match="got mode='win3', expected one of 'win', 'win2'"):
        optim.sgd_win(0.1, mode="win3")


def test_signatures_are_those_of_functions_written_by_hand():
    parameters = inspect.signature(optim.lamb_win).parameters
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["learning_rate", "b1", "b2", "eps"]
    shared = {"weight_decay", "mask", "max_grad_norm", "factors", "mode"}
    assert shared | {"always_adapt", "trust_clip"} <= set(parameters)
    assert parameters["max_grad_norm"].default == 1.0
    assert optim.lamb_win.__name__ == "lamb_win"
    assert "own" not in parameters


def test_arguments_by_position():
    by_position = optim.adam_win(0.1, 0.5, 0.6, 1e-3)
    by_name = optim.adam_win(0.1, b1=0.5, b2=0.6, eps=1e-3)
    updates = [tx.update(P, tx.init(P), P)[0] for tx in (by_position, by_name)]
    assert (updates[0] == updates[1]).all()
    with pytest.raises(TypeError, match="b4"):
        optim.adam_win(0.1, b4=0.5)
