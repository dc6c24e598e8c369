"""What the catalogue says of optax's methods."""

import inspect

import jax
import jax.numpy as jnp

from effjax import optim
from effjax.optim.catalogue import COUPLING, DECAY, LEAST_RATE, NEEDS, OWN, UNSCHEDULED

INFO = optim.list_optimizers()
PARAMS = {"a": jax.ShapeDtypeStruct((2, 2), jnp.float32)}


def test_every_entry_is_of_a_method_that_there_is():
    for table in (COUPLING, DECAY, LEAST_RATE, NEEDS, OWN, UNSCHEDULED):
        assert set(table) <= set(INFO), set(table) - set(INFO)
    for name, hints in OWN.items():
        assert hints.keys() <= INFO[name].hyperparameters.keys(), name


def test_an_extra_argument_is_needed_by_those_that_say_so():
    """Without its extra arguments an update fails, with nothing more it does not."""
    for name, info in INFO.items():
        if info.source == "effjax":
            continue
        tx = optim.create(name, 0.1)

        def update(grads, tx=tx):
            return tx.update(grads, tx.init(grads), grads)

        try:
            jax.eval_shape(update, PARAMS)
            complained = False
        except (TypeError, ValueError):
            complained = True
        assert complained == bool(info.needs), name


def test_defaults_of_optax_are_inside_their_ranges():
    for info in INFO.values():
        defaults = {
            name: default
            for name, default in info.hyperparameters.items()
            if default is not inspect.Parameter.empty and default is not None and name != "inner"
        }
        info.checked(defaults)
