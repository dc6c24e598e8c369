import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim import mars
from effjax.optim.matrices import orthogonalized

B1, B2, GAMMA, LR, WD, EPS = 0.9, 0.8, 0.1, 0.01, 0.3, 1e-8


def by_hand(p, grads):
    """The paper's update of one matrix, in NumPy."""
    m = v = last = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        c = g + GAMMA * B1 / (1 - B1) * (g - last)
        c /= max(1.0, np.linalg.norm(c))
        m, v, last = B1 * m + (1 - B1) * c, B2 * v + (1 - B2) * c**2, g
        p = p - LR * (m / (1 - B1**t) / (np.sqrt(v / (1 - B2**t)) + EPS) + WD * p)
    return p


def run(tx, params, grads):
    state = tx.init(params)
    for g in grads:
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
    return params


def test_the_update_is_the_papers():
    """Gradients small and large, so that the correction is clipped at some steps only."""
    rng = np.random.default_rng(0)
    p = rng.standard_normal((3, 4))
    grads = [scale * rng.standard_normal((3, 4)) for scale in (0.01, 2.0, 0.1, 0.02, 1.0)]
    with jax.enable_x64():
        tx = mars(LR, B1, B2, EPS, weight_decay=WD, gamma=GAMMA)
        found = run(tx, jnp.asarray(p), [jnp.asarray(g) for g in grads])
    np.testing.assert_allclose(found, by_hand(p, grads), rtol=1e-12)


def test_vectors_get_adam_unless_asked_for():
    grads = [jnp.array([0.5, -2.0]), jnp.array([1.0, 0.3])]
    start = jnp.ones(2)
    adam = run(optax.adam(0.1, 0.9, 0.95), start, grads)
    np.testing.assert_allclose(run(mars(0.1), start, grads), adam, rtol=1e-5)


def test_vectors_that_ask_for_it_get_the_papers_update():
    """`optimize_1d` of the authors' program."""
    rng = np.random.default_rng(1)
    p = rng.standard_normal(5)
    grads = [scale * rng.standard_normal(5) for scale in (0.01, 2.0, 0.1, 0.5)]
    with jax.enable_x64():
        tx = mars(LR, B1, B2, EPS, weight_decay=WD, gamma=GAMMA, vectors=True)
        found = run(tx, jnp.asarray(p), [jnp.asarray(g) for g in grads])
    np.testing.assert_allclose(found, by_hand(p, grads), rtol=1e-12)


@pytest.mark.parametrize("name", ["mars_lion", "mars_shampoo"])
def test_its_other_rules_are_the_authors(name):
    """Of a matrix of more outputs than inputs; vectors have AdamW's rule, as with `mars`."""
    rng = np.random.default_rng(2)
    p, b = rng.standard_normal((3, 4)), rng.standard_normal(4)
    grads = [scale * rng.standard_normal((3, 4)) for scale in (0.01, 2.0, 0.1)]
    with jax.enable_x64():
        tx = optim.create(name, LR, b1=B1, weight_decay=WD, gamma=GAMMA)
        params = {"p": jnp.asarray(p), "b": jnp.asarray(b)}
        drawn = [{"p": jnp.asarray(g), "b": jnp.asarray(g[0])} for g in grads]
        found = run(tx, params, drawn)
        adamw = run(mars(LR, B1, weight_decay=WD, gamma=GAMMA), params, drawn)
        m = last = np.zeros_like(p)
        for g in grads:
            c = g + GAMMA * B1 / (1 - B1) * (g - last)
            c /= max(1.0, np.linalg.norm(c))
            m, last = B1 * m + (1 - B1) * c, g
            u = np.sign(m)
            if name == "mars_shampoo":  # by Newton and Schulz, as Muon
                u = (4 / 3) ** 0.5 * np.asarray(orthogonalized(jnp.asarray(m)))
            p = p - LR * (u + WD * p)
    np.testing.assert_allclose(found["p"], p, rtol=1e-9)
    np.testing.assert_array_equal(found["b"], adamw["b"])
