import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import scale_by_scion, scion
from effjax.optim.matrices import orthogonalized

B1, RADIUS = 0.9, 3.0


def steepest(m):
    """The authors' choice by the number of axes, on PyTorch's [O, C, I, J], [O, C] and [O]."""
    if m.ndim < 2:
        return m / (np.sqrt(np.mean(m**2)) + 1e-8)
    matrix = jnp.asarray(m.reshape(len(m), -1))
    o = np.asarray(orthogonalized(matrix)).reshape(m.shape)
    return o * (m.shape[0] / m.shape[1]) ** 0.5 / np.prod(m.shape[2:])


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 2, 3, 5)])
def test_the_direction_is_the_authors(shape):
    rng = np.random.default_rng(0)
    axes = (-1, *range(len(shape) - 2, -1, -1)) if len(shape) < 3 else (3, 2, 0, 1)
    m = np.zeros(shape)
    with jax.enable_x64():
        tx = scale_by_scion(B1, radius=RADIUS)
        state = tx.init({"kernel": jnp.zeros(shape, jnp.float64)})
        for _ in range(2):
            g = rng.standard_normal(shape)
            m = B1 * m + (1 - B1) * g
            expected = RADIUS * steepest(np.transpose(m, axes))
            u, state = tx.update({"kernel": jnp.asarray(g)}, state)
            # the columns of a folded kernel are in another order, which is the same matrix turned
            found = np.transpose(np.asarray(u["kernel"]), axes)
            np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_a_position_map_is_no_kernel():
    g = {"pos_embed": jnp.full((1, 2, 3, 4), 5.0)}
    tx = scale_by_scion()
    u, _ = tx.update(g, tx.init(g))
    np.testing.assert_allclose(u["pos_embed"], 1.0, rtol=1e-5)


def test_a_decay_of_one_keeps_a_layer_in_its_ball():
    p = jnp.full(4, 50.0)
    tx = scion(0.1, weight_decay=1.0, radius=2.0)
    state = tx.init(p)
    step = jax.jit(tx.update)
    for _ in range(80):
        updates, state = step(jnp.sin(p), state, p)
        p = p + updates
    assert float(jnp.sqrt(jnp.mean(p**2))) <= 2.0 * 1.01
