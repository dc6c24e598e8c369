import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim.factory import create

PARAMS = {"w": jnp.full((2, 3), 2.0), "b": jnp.full(3, 2.0)}
GRADS = {"w": jnp.full((2, 3), 0.5), "b": jnp.full(3, -0.5)}
MASK = {"w": True, "b": False}


def one_step(tx, params=PARAMS, grads=GRADS):
    updates, _ = tx.update(grads, tx.init(params), params)
    return optax.apply_updates(params, updates)


def assert_trees_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), a, b)


@pytest.mark.parametrize("name", ["sgd", "lion", "adamw", "rmsprop", "muon"])
def test_decoupled_decay_is_the_same_for_all(name):
    plain = one_step(create(name, 0.1))
    decayed = one_step(create(name, 0.1, weight_decay=0.3, mask=MASK))
    np.testing.assert_allclose(decayed["w"], plain["w"] - 0.1 * 0.3 * 2.0, rtol=1e-5)
    np.testing.assert_allclose(decayed["b"], plain["b"], rtol=1e-6)


@pytest.mark.parametrize("name", ["prodigy", "dadapt_adamw"])
def test_decay_of_a_size_that_only_the_method_knows_has_a_mask(name):
    plain, full, masked = (
        one_step(create(name, 1.0, estim_lr0=0.1, **fields))
        for fields in ({}, {"weight_decay": 0.3}, {"weight_decay": 0.3, "mask": MASK})
    )
    assert_trees_close(masked, {"w": full["w"], "b": plain["b"]})
    assert float(jnp.abs(full["w"] - plain["w"]).min()) > 1e-3


def test_decay_is_off_by_default():
    zero = jax.tree.map(jnp.zeros_like, GRADS)
    for name in ("adamw", "lion", "adamaxw"):
        assert_trees_close(one_step(create(name, 0.1), grads=zero), PARAMS)


def test_decoupled_decay_follows_the_schedule():
    tx = create("sgd", lambda count: 0.1 * (count + 1), weight_decay=0.5)
    state, zero = tx.init(PARAMS), jax.tree.map(jnp.zeros_like, GRADS)
    for factor in (0.05, 0.1):
        updates, state = tx.update(zero, state, PARAMS)
        np.testing.assert_allclose(updates["w"], -factor * PARAMS["w"], rtol=1e-6)


def test_clipping_comes_first():
    norm = float(optax.tree.norm(GRADS))
    clipped = one_step(create("sgd", 1.0, clip_norm=norm / 4))
    expected = jax.tree.map(lambda p, g: p - g / 4, PARAMS, GRADS)
    assert_trees_close(clipped, expected)


@pytest.mark.parametrize("name", ["adam", "adamw", "lookahead"])
def test_coupled_decay_goes_through_the_method(name):
    tx = create(name, 0.1, weight_decay=0.3, mask=MASK, coupled_decay=True, clip_norm=100.0)
    by_hand = {"w": GRADS["w"] + 0.3 * PARAMS["w"], "b": GRADS["b"]}
    assert_trees_close(one_step(tx), one_step(create(name, 0.1), grads=by_hand))


@pytest.mark.parametrize("name", ["adan", "adam", "sgd"])
def test_lr_scale_is_an_optimizer_for_each_group(name):
    tx = create(name, 0.1, weight_decay=0.2, mask=MASK, lr_scale={"w": 0.5, "b": 0.0})
    alone = one_step(create(name, 0.05, weight_decay=0.2), {"w": PARAMS["w"]}, {"w": GRADS["w"]})
    assert_trees_close(one_step(tx), {"w": alone["w"], "b": PARAMS["b"]})


def test_injected_rate_is_set_from_outside_and_only_it_is_an_array():
    tx = optim.create_injected("adamw", 0.1, b2=0.999, weight_decay=0.01)
    half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
    state = tx.init(half)
    assert set(state.hyperparams) == {"learning_rate"}
    assert state.hyperparams["learning_rate"].dtype == jnp.float32

    state = jax.jit(optim.set_learning_rate)(state, 0.25)
    updates, _ = tx.update(GRADS, state, PARAMS)
    expected = jax.tree.map(lambda p: p - 2.0, one_step(create("adamw", 0.25, weight_decay=0.01)))
    assert_trees_close(updates, expected)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("adam2", {}, "did you mean 'adam'"),
        ("adan", {"b4": 0.9}, "did you mean 'b"),
        ("adam", {"weight_deacy": 0.1}, "did you mean 'weight_decay'"),
        ("dpsgd", {"seed": 0}, "needs the hyperparameters l2_norm_clip, noise_multiplier"),
    ],
)
def test_mistakes_are_answered(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        create(name, 0.1, **arguments)


def test_optimizers_describe_themselves():
    entries = optim.list_optimizers()
    adan = entries["adan"]
    assert adan.state_arrays == 4.0
    assert entries["adamw"].state_arrays == 2.0
    assert adan.hyperparameters["b2"] == 0.92
    assert not {"learning_rate", "weight_decay", "mask"} & set(adan.hyperparameters)
    for entry in entries.values():
        assert entry.line
        assert entry.paper
        assert "\n" not in entry.line


def test_all_of_optax_is_there():
    """Functions of optax that take a learning rate, but for wrappers and what ours replace."""
    ours = {"adan", "lamb", "lookahead", "schedule_free_adamw", "schedule_free_sgd"}
    wrappers = {"schedule_free", "inject_hyperparams"}
    found = {
        name
        for module in (optax, optax.contrib)
        for name, make in vars(module).items()
        if inspect.isfunction(make)
        and {"learning_rate", "max_learning_rate"} & set(inspect.signature(make).parameters)
        and not name.startswith(("scale_by", "_"))
    }
    deprecated = {"optimistic_adam"}
    assert found - ours - wrappers - deprecated <= set(optim.list_optimizers())
