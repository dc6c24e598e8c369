import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import add_coupled_decay, add_decoupled_decay, step_with_decay
from effjax.optim.decay import decay_tree, with_masked_decay

P = {"a": jnp.array([2.0]), "b": jnp.array([4.0])}
U = {"a": jnp.array([1.0]), "b": jnp.array([1.0])}
MASK = {"a": True, "b": False}


def after(tx, params=P, updates=U):
    steps, _ = tx.update(updates, tx.init(params), params)
    return optax.apply_updates(params, steps)


def test_proximal_and_decoupled():
    proximal = after(step_with_decay(0.1, 0.5, MASK))
    np.testing.assert_allclose(proximal["a"], (2.0 - 0.1) / 1.05, rtol=1e-6)
    np.testing.assert_allclose(proximal["b"], 3.9, rtol=1e-6)
    decoupled = after(step_with_decay(0.1, 0.5, proximal=False))
    np.testing.assert_allclose(decoupled["a"], 2.0 * 0.95 - 0.1, rtol=1e-6)


def test_the_first_rate_is_that_of_count_zero():
    tx = step_with_decay(lambda count: jnp.where(count == 0, 0.1, 7.0))
    np.testing.assert_allclose(after(tx)["a"], 1.9, rtol=1e-6)


def test_coupled_and_added_decay():
    g, _ = add_coupled_decay(0.5, MASK).update(U, optax.EmptyState(), P)
    np.testing.assert_allclose([g["a"][0], g["b"][0]], [2.0, 1.0])
    np.testing.assert_allclose(after(add_decoupled_decay(0.1, 0.5))["b"], 4 + 1 - 0.2, rtol=1e-6)


def test_masks_may_be_functions_or_numbers_and_have_blanks():
    assert decay_tree(0.5, lambda params: MASK, P) == {"a": 0.5, "b": 0.0}
    assert decay_tree(0.5, {"a": 0.1, "b": 1}, P) == {"a": 0.05, "b": 0.5}
    blank = {"a": optax.MaskedNode(), "b": P["b"]}
    assert decay_tree(0.5, MASK, blank) == {"a": optax.MaskedNode(), "b": 0.0}


def test_a_decay_without_a_mask_gets_one():
    def make(decay):
        return step_with_decay(0.1, decay, proximal=False)

    decayed = after(with_masked_decay(make, 0.5, MASK))
    np.testing.assert_allclose([decayed["a"][0], decayed["b"][0]], [1.8, 3.9], rtol=1e-6)


def test_the_parameters_are_needed():
    tx = step_with_decay(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(U, tx.init(P))
