"""Factors of the learning rate, and numbers over all leaves that are learned."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim

PARAMS = {"a": jnp.ones(4), "b": jnp.ones(4)}
GRADS = {"a": jnp.full(4, 30.0), "b": jnp.full(4, 0.01)}  # norms 60 and 0.02


def first_update(name, rate=0.1, grads=GRADS, **arguments):
    tx = optim.create(name, rate, **arguments)
    return tx.update(grads, tx.init(PARAMS), PARAMS)[0]


def test_lamb_clips_by_the_norm_of_all_leaves():
    fields = {"b1": 0.0, "b2": 0.0, "eps": 1.0, "bias_correction": False}
    factors = {"a": 1.0, "b": 0.5}
    u = first_update("lamb", max_grad_norm=1.0, lr_scale=factors, **fields)
    np.testing.assert_allclose(u["b"] / 0.5, -1.67e-5, rtol=1e-2)


@pytest.mark.parametrize("name", ["adan", "sgd_win", "adamw_win2", "lamb_win", "lion_win"])
def test_the_methods_with_a_clipping_of_their_own(name):
    """A factor of 1 for all, and factors that divide the leaves: the same first update."""
    fields = {"max_grad_norm": 1.0, "weight_decay": 0.1}
    if name != "sgd_win" and name != "lion_win":
        fields["eps"] = 0.1  # with a small eps, Adam's direction does not see the clipping
    together = first_update(name, **fields)
    divided = first_update(name, lr_scale={"a": 0.5, "b": 1.0}, **fields)
    np.testing.assert_allclose(divided["b"], together["b"], rtol=1e-5)


@pytest.mark.parametrize("inner", ["adan", "sgd_win"])
@pytest.mark.parametrize("name", ["lookahead", "slrla", "cautious"])
def test_also_inside_a_wrapper(name, inner):
    fields = {"inner": inner, "max_grad_norm": 1.0, "weight_decay": 0.1}
    together = first_update(name, **fields)
    divided = first_update(name, lr_scale={"a": 0.5, "b": 1.0}, **fields)
    frozen = first_update(name, lr_scale={"a": 0.0, "b": 1.0}, **fields)
    np.testing.assert_allclose(divided["b"], together["b"], rtol=1e-5)
    np.testing.assert_array_equal(frozen["a"], 0.0)


@pytest.mark.parametrize(
    "factors", [{"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 0.5}], ids=["one", "half"]
)
def test_what_is_frozen_counts_in_no_norm(factors):
    u = first_update("sgd", clip_norm=1.0, lr_scale=factors)
    np.testing.assert_allclose(u["b"], -1e-3 * factors["b"], rtol=1e-5)
    np.testing.assert_array_equal(u["a"], 0.0)
    u = first_update("sgd_win", max_grad_norm=0.01, nesterov=False, lr_scale=factors)
    alone = optim.create("sgd_win", 0.1 * factors["b"], max_grad_norm=0.01, nesterov=False)
    b, g = PARAMS["b"], GRADS["b"]
    np.testing.assert_allclose(u["b"], alone.update(g, alone.init(b), b)[0], rtol=1e-5)


def test_a_frozen_gradient_that_is_not_finite_harms_nobody():
    grads = {"a": jnp.full(4, jnp.nan), "b": GRADS["b"]}
    u = first_update("sgd", grads=grads, clip_norm=1.0, lr_scale={"a": 0.0, "b": 1.0})
    assert np.isfinite(u["b"]).all()


@pytest.mark.parametrize("name", ["dog", "dowg"])
def test_distances_are_over_all_leaves_that_are_learned(name):
    params, grads = PARAMS, GRADS
    scaled = optim.create(name, 1.0, lr_scale={"a": 1.0, "b": 0.5})
    plain = optim.create(name, 1.0)
    state, plain_state = scaled.init(params), plain.init(params)
    for _ in range(3):  # at the same parameters, so that the distances are the same
        u, state = scaled.update(grads, state, params)
        v, plain_state = plain.update(grads, plain_state, params)
        np.testing.assert_allclose(u["a"], v["a"], rtol=1e-6)
        np.testing.assert_allclose(u["b"], 0.5 * v["b"], rtol=1e-6)
        params = optax.apply_updates(params, u)


@pytest.mark.parametrize("name", ["prodigy", "dadapt_adamw", "dog", "dowg"])
def test_frozen_leaves_are_no_part_of_a_distance(name):
    tx = optim.create(name, 1.0, lr_scale={"a": 0.0, "b": 1.0})
    alone = optim.create(name, 1.0)
    params, b = PARAMS, PARAMS["b"]
    state, alone_state = tx.init(params), alone.init(b)
    for _ in range(3):
        u, state = tx.update(GRADS, state, params)
        v, alone_state = alone.update(GRADS["b"], alone_state, b)
        np.testing.assert_allclose(u["b"], v, rtol=1e-6)
        params, b = optax.apply_updates(params, u), optax.apply_updates(b, v)


@pytest.mark.parametrize("name", ["prodigy", "dadapt_adamw", "momo", "momo_adam", "polyak_sgd"])
def test_one_step_size_for_all_has_no_factors(name):
    with pytest.raises(ValueError, match="a factor of the learning rate is 0 or 1, got 0"):
        optim.create(name, 1.0, lr_scale={"a": 0.5, "b": 1.0})


@pytest.mark.parametrize("factor", [-1.0, float("nan"), 1e30])
def test_factors_are_numbers_from_zero(factor):
    with pytest.raises(ValueError, match="got lr_scale="):
        optim.create("sgd", 1.0, lr_scale={"a": factor, "b": 1.0})


def test_the_decay_outside_of_a_wrapper_has_the_factor_too():
    zero = jax.tree.map(jnp.zeros_like, GRADS)
    fields = {"inner": "adan", "max_grad_norm": 1.0, "weight_decay": 0.2}
    u = first_update("cautious", grads=zero, lr_scale={"a": 0.5, "b": 1.0}, **fields)
    np.testing.assert_allclose(u["a"], -0.1 * 0.5 * 0.2, rtol=1e-5)
    np.testing.assert_allclose(u["b"], -0.1 * 0.2, rtol=1e-5)
