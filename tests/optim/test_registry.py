"""The table of optimizers, and how one more comes in."""

import jax
import jax.numpy as jnp
import optax
import pytest

from effjax import optim
from effjax.errors import UserError

PARAMS = {"w": jnp.ones((2, 3))}


def test_a_name_is_entered_once():
    def adan(learning_rate):
        return optax.sgd(learning_rate)

    with pytest.raises(ValueError, match="there is an optimizer 'adan' already"):
        optim.register_optimizer(paper="none")(adan)


def test_every_file_enters_its_methods():
    """None is named in a list: adding a file is enough."""
    names = set(optim.list_optimizers())
    assert {"adan", "sgd_win", "sgd_win2", "cautious", "soap", "adamw", "muon"} <= names
    infos = list(optim.list_optimizers().values())
    ours = [info.source == "effjax" for info in infos]
    assert ours == sorted(ours, reverse=True)


def test_arguments_are_checked_in_a_direct_call():
    for make in (lambda: optim.adan(0.1, b1=1.5), lambda: optim.lookahead(optax.sgd(0.1), 0)):
        with pytest.raises(UserError, match="expected"):
            make()
    # traced values are not known yet
    jax.eval_shape(lambda b1: optim.adan(0.1, b1).init(PARAMS), jnp.asarray(0.9))
