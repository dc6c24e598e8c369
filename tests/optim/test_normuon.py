import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import scale_by_normuon
from effjax.optim.matrices import orthogonalized

BETA, B2 = 0.9, 0.8


@pytest.mark.parametrize("shape", [(3, 5), (5, 3)])
def test_the_direction_is_the_authors(shape):
    """On [outputs, inputs], as in PyTorch; what is orthogonal has a test of its own."""
    rng = np.random.default_rng(0)
    m, v = np.zeros(shape), np.zeros((shape[1], 1))
    with jax.enable_x64():
        tx = scale_by_normuon(BETA, B2)
        state = tx.init(jnp.zeros(shape, jnp.float64))
        for _ in range(3):
            g = rng.standard_normal(shape)
            m = BETA * m + (1 - BETA) * g
            u = np.asarray(orthogonalized(jnp.asarray(BETA * m + (1 - BETA) * g).T))
            before = np.linalg.norm(u)
            v = B2 * v + (1 - B2) * np.mean(u * u, axis=-1, keepdims=True)
            u = u / (np.sqrt(v) + 1e-10)
            u = u * before / (np.linalg.norm(u) + 1e-10)
            u = u * max(1, u.shape[0] / u.shape[1]) ** 0.5
            found, state = tx.update(jnp.asarray(g), state)
            np.testing.assert_allclose(np.asarray(found).T, u, rtol=1e-9)


def test_neurons_of_a_first_step_are_equally_long():
    """A neuron of a convolution is a column of its folded kernel."""
    g = jax.random.normal(jax.random.key(0), (3, 3, 4, 8)) * jnp.arange(1.0, 9.0)[None, None, None]
    tx = scale_by_normuon()
    u, state = tx.update(g, tx.init(g))
    lengths = jnp.linalg.norm(u.reshape(-1, 8), axis=0)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-4)
    assert state.nu.shape == (8,)
