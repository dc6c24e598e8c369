import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import create, hyperball

RATE = 0.2
SHAPES = {"mlp": (3, 4), "bias": (4,), "head": (4, 2), "zeros": (2, 2)}


def unit(x):
    return x / np.linalg.norm(x)


@pytest.mark.parametrize("named", [False, True])
def test_a_step_is_the_paper_s(named):
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    params["zeros"] = np.zeros((2, 2))
    radius = np.linalg.norm(params["mlp"])
    with jax.enable_x64():
        tx = hyperball(optax.sgd(RATE), RATE, weight_decay=0.5)
        if named:
            tx = create("hyperball", RATE, inner="sgd", weight_decay=0.5)
        x = jax.tree.map(jnp.asarray, params)
        state = tx.init(x)
        for _ in range(2):
            before = jax.tree.map(np.asarray, x)
            g = {name: rng.standard_normal(p.shape) for name, p in before.items()}
            updates, state = tx.update(jax.tree.map(jnp.asarray, g), state, x)
            x = optax.apply_updates(x, updates)
            turned = radius * unit(before["mlp"] - RATE * radius * unit(g["mlp"]))
            np.testing.assert_allclose(x["mlp"], turned, rtol=1e-6)
            for name in ("bias", "head", "zeros"):
                plain = before[name] - RATE * (g[name] + 0.5 * before[name])
                np.testing.assert_allclose(x[name], plain, rtol=1e-6)
