"""One scale for all leaves, learned by the recursion of the paper."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim import create, mechanic

CURVATURE = jnp.array([1.0, 4.0, 0.25])


def gradient(x):
    return CURVATURE * (x - 1)


def by_hand(steps, betas=(0.9, 0.99), decay=0.01, start=1e-2, eps=1e-8):
    """Algorithm 1 of the paper around gradient descent of rate 1, in plain numbers."""
    betas = np.array(betas)
    first = x = np.zeros(3)
    way = np.zeros(3)  # the sum of the steps of gradient descent
    r, m, v = np.zeros((3, len(betas)))
    s = np.full(len(betas), start)
    for _ in range(steps):
        g = np.asarray(gradient(x), np.float64)
        pull = decay * s.sum() * np.linalg.norm(g) / (np.linalg.norm(x) + eps) * x
        h = -(g + pull) @ way  # how much of the way still descends
        held = np.clip(h, -m, m)
        m = np.maximum(betas * m, abs(h) + eps)
        v = betas**2 * v + h**2
        r = betas * r + held * s
        s = (start / len(betas) * m + np.maximum(r, 0)) / (np.sqrt(v) + eps)
        way = way - g
        x = first + s.sum() * way
    return x


def test_the_recursion_of_the_paper():
    tx = mechanic(optax.sgd(1.0), scale_start=1e-2, scale_betas=2)
    x = jnp.zeros(3)
    state = tx.init(x)
    update = jax.jit(tx.update)
    for _ in range(8):
        updates, state = update(gradient(x), state, x)
        x = optax.apply_updates(x, updates)
    np.testing.assert_allclose(x, by_hand(8), rtol=2e-4)


def test_factors_share_one_scale():
    """A leaf of factor 1/2 goes half as far, because all leaves have one scale."""
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    grads = jax.tree.map(jnp.ones_like, params)
    tx = create("mechanic", 1.0, inner="sgd", lr_scale={"a": 1.0, "b": 0.5})
    state = tx.init(params)
    for _ in range(4):
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    assert params["a"][0] < 0
    np.testing.assert_allclose(params["b"], params["a"] / 2, rtol=1e-5)
