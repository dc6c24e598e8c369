"""Every hyperparameter of every optimizer and schedule: refused with its range, or finite."""

import inspect
import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.errors import UserError
from effjax.optim.hints import Amount, Rate, checked_value

INFO = optim.list_optimizers()
BAD = (0.0, -1.0, math.nan, 1e30)
BAD_KINDS = (0, -1, 2**70, True, "0.9", (0.0,))
REQUIRED = {"dpsgd": {"l2_norm_clip": 1.0, "noise_multiplier": 0.1}}
QUICK = ("adan", "lamb", "sgd_win2")
NAMES = [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in sorted(INFO)]

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 8).reshape(4, 2), "zero": jnp.zeros(2)}
# one leaf has no gradient at all: what is divided by its size must have an eps
GRADS = {"w": jnp.linspace(0.5, -0.25, 8).reshape(4, 2), "zero": jnp.zeros(2)}


def loss(params):
    return sum(jnp.sum(g * p + p**2) for g, p in zip(GRADS.values(), params.values()))


def is_finite_after_two_updates(name, settings):
    tx = optim.create(name, settings.pop("learning_rate", 0.01), **settings)
    extras = {"value": loss(PARAMS), "grad": GRADS, "value_fn": loss, "obj_fn": loss}
    wanted = {"inner": settings["inner"]} if "inner" in settings else {}
    extras = {key: extras[key] for key in optim.extra_arguments(name, **wanted) if key in extras}
    grads = jax.tree.map(lambda g: g[None], GRADS) if name == "dpsgd" else GRADS
    params = PARAMS
    state = tx.init(params)
    for _ in range(2):
        updates, state = tx.update(grads, state, params, **extras)
        params = optax.apply_updates(params, updates)
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))


def refusal(name, settings):
    """The message, or None if the settings are taken."""
    try:
        optim.create(name, **({"learning_rate": 0.01} | settings))
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", NAMES)
def test_refused_with_the_range_or_finite(name):
    # what may be anything is a mask or a tree
    anything = {field for field, hint in INFO[name].hints.items() if hint is Any}
    fields = INFO[name].hyperparameters.keys() - anything - {"inner"}
    for field in ("learning_rate", "weight_decay", "clip_norm", *sorted(fields)):
        for value in (*BAD, *BAD_KINDS):
            settings = REQUIRED.get(name, {}) | {field: value}
            problem = refusal(name, settings)
            if problem is not None:
                assert re.fullmatch(f"optimizer .* got {field}=.*, expected .*\n.*", problem)
            elif value in BAD:
                with jax.disable_jit():  # each setting would be another program
                    assert is_finite_after_two_updates(name, settings), (field, value)


def test_every_hyperparameter_has_a_hint():
    for info in INFO.values():
        assert info.hyperparameters.keys() - {"inner"} == info.hints.keys() - SHARED, info.name


SHARED = {"learning_rate", "max_learning_rate", "weight_decay", "mask", "weight_decay_mask"}


def test_zero_turns_no_clipping_off():
    """One meaning of 0: None is off, 0 is refused."""
    for make in (
        lambda: optim.create("sgd", 0.1, clip_norm=0.0),
        lambda: optim.create("adan", 0.1, max_grad_norm=0.0),
        lambda: optim.lamb(0.1, max_grad_norm=0.0),
        lambda: optim.clip_by_norm(0.0),
    ):
        with pytest.raises(ValueError, match="0"):
            make()


def test_arrays_are_looked_at_and_traced_values_pass():
    rate = jnp.asarray(0.5)
    assert checked_value("x", "rate", rate, Rate, 0.1) is rate
    with pytest.raises(UserError, match=r"x got amount=.*, expected float in"):
        checked_value("x", "amount", jnp.asarray(-1.0), Amount, inspect.Parameter.empty)
    jax.eval_shape(lambda r: checked_value("x", "amount", r, Amount, 0.0), jnp.asarray(-1.0))


def test_values_are_cast_where_nothing_is_lost():
    assert checked_value("x", "pair", [1, 2], tuple[Amount, Amount], None) == (1.0, 2.0)


def test_a_warm_up_from_zero_spoils_no_estimate():
    """Prodigy and D-Adaptation divide by a sum of rates."""
    for name in ("prodigy", "dadapt_adamw"):
        tx = optim.create(name, lambda count: 0.5 * count)
        state = tx.init(PARAMS)
        for _ in range(3):
            updates, state = tx.update(GRADS, state, PARAMS)
        assert np.isfinite(updates["w"]).all()
        assert np.abs(updates["w"]).max() > 0


@pytest.mark.parametrize("name", sorted(optim.list_schedules()))
def test_schedules_are_refused_or_finite(name):
    common = {"peak": 1.0, "total_steps": 20, "warmup_steps": 4}
    for field in (*common, "warmup_init", "end", *optim.list_schedules()[name].fields):
        for value in (*BAD, *BAD_KINDS):
            try:
                lr = optim.create_schedule(name, **(common | {field: value}))
            except UserError:
                continue
            rates = np.asarray(lr(jnp.arange(25)))
            assert np.isfinite(rates).all(), (field, value)
            assert (rates >= 0).all(), (field, value)
