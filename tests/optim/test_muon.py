import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim import scale_by_muon

BETA = 0.9


def by_newton_schulz(x):
    """The authors' iteration on [outputs, inputs], in NumPy."""
    a, b, c = 3.4445, -4.7750, 2.0315
    y = x.T if x.shape[0] > x.shape[1] else x
    y = y / (np.linalg.norm(y) + 1e-7)
    for _ in range(5):
        square = y @ y.T
        y = a * y + (b * square + c * square @ square) @ y
    return y.T if x.shape[0] > x.shape[1] else y


def torch_kernel(g):
    """[I, J, C, O] or [inputs, outputs] as PyTorch's matrix [O, C I J] or [outputs, inputs]."""
    return np.moveaxis(g, (-1, -2), (0, 1)).reshape(g.shape[-1], -1)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (2, 2, 2, 12)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_the_direction_is_the_authors(shape, nesterov):
    rng = np.random.default_rng(0)
    m = np.zeros(shape)
    with jax.enable_x64():
        tx = scale_by_muon(BETA, nesterov=nesterov)
        state = tx.init(jnp.zeros(shape, jnp.float64))
        for _ in range(3):
            g = rng.standard_normal(shape)
            m = BETA * m + (1 - BETA) * g
            momentum = BETA * m + (1 - BETA) * g if nesterov else m
            matrix = torch_kernel(momentum)
            rows, columns = matrix.shape
            expected = by_newton_schulz(matrix) * max(1, rows / columns) ** 0.5
            u, state = tx.update(jnp.asarray(g), state)
            np.testing.assert_allclose(torch_kernel(np.asarray(u)), expected, rtol=1e-9)


def test_the_head_is_adams():
    params = {"head": {"kernel": jnp.ones((4, 3))}}
    grads = {"head": {"kernel": jnp.full((4, 3), 0.5)}}
    tx, adam = optim.create("muon", 0.1, adam_scale=0.5), optax.adam(0.05, 0.9, 0.95, 1e-10)
    updates, _ = tx.update(grads, tx.init(params), params)
    expected, _ = adam.update(grads, adam.init(params), params)
    np.testing.assert_allclose(updates["head"]["kernel"], expected["head"]["kernel"], rtol=1e-5)


def test_adams_rates_fit_with_the_scale_rms():
    g = jnp.asarray(np.random.default_rng(1).standard_normal((24, 96)), jnp.float32)
    tx = scale_by_muon(scale="rms")
    u, _ = tx.update(g, tx.init(g))
    assert 0.15 < float(jnp.sqrt(jnp.mean(u**2))) < 0.25
