import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim

P = {"w": jnp.array([3.0, 4.0]), "b": jnp.array([6.0, 8.0])}
G = {"w": jnp.array([1.0, -1.0]), "b": jnp.array([1.0, -1.0])}


def first_update(**fields):
    """At the first step Adam's direction is the sign of the gradient, of norm sqrt 2."""
    tx = optim.lamb(1.0, eps=1e-37, max_grad_norm=None, **fields)
    return tx.update(G, tx.init(P), P)[0]


def test_trust_ratio_scales_each_leaf_to_the_norm_of_its_parameters():
    u = first_update(weight_decay=1e-12)
    np.testing.assert_allclose(
        [jnp.linalg.norm(u["w"]), jnp.linalg.norm(u["b"])], [5, 10], rtol=1e-5
    )


def test_leaves_without_decay_do_not_adapt_unless_told():
    mask = {"w": True, "b": False}
    u = first_update(weight_decay=1e-12, mask=mask)
    np.testing.assert_allclose(u["b"], [-1, 1], rtol=1e-5)
    adapted = first_update(weight_decay=1e-12, mask=mask, always_adapt=True)
    np.testing.assert_allclose(jnp.linalg.norm(adapted["b"]), 10, rtol=1e-5)


def test_trust_clip():
    u = first_update(weight_decay=1e-12, trust_clip=True)
    np.testing.assert_allclose(u["w"], [-1, 1], rtol=1e-5)


def test_zero_norms_give_a_ratio_of_one():
    tx = optim.lamb(1.0, weight_decay=0.01)
    p = {"w": jnp.zeros(2), "s": jnp.zeros([])}
    u, _ = tx.update({"w": jnp.ones(2), "s": jnp.zeros([])}, tx.init(p), p)
    np.testing.assert_allclose(u["w"], [-1, -1], rtol=1e-4)
    assert u["s"] == 0
    assert np.isfinite(optax.tree.norm(u))
