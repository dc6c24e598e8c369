import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim


def sequences(mode, lr, wd, u, steps, factors=(2.0, 8.0)):
    """x, y, z of the published recursion with a constant direction, in float64."""
    (r1, r2), x, y, z = factors, 1.0, 1.0, 1.0
    for _ in range(steps):
        x = (x - lr * u) / (1 + lr * wd)
        y = (y + r1 * x - r1 * lr * u) / (1 + r1 + r1 * lr * wd)
        z = (z + r2 * x + r2 / r1 * y - r2 * lr * u) / (1 + r2 + r2 / r1 + r2 * lr * wd)
    return y if mode == "win" else z


@pytest.mark.parametrize("mode", ["win", "win2"])
@pytest.mark.parametrize("lr", [0.1, 0.0])
def test_the_recursion_for_any_direction(mode, lr):
    tx = optim.accelerated_step(lr, 0.3, mode=mode)
    p, u = jnp.ones(2), jnp.full(2, 0.7)
    state = tx.init(p)
    for _ in range(5):
        updates, state = tx.update(u, state, p)
        p = optax.apply_updates(p, updates)
    np.testing.assert_allclose(p, sequences(mode, lr, 0.3, 0.7, 5), rtol=1e-6)


def test_without_a_rate_the_model_moves_to_the_conservative_sequence():
    tx = optim.accelerated_step(lambda count: jnp.where(count == 0, 0.1, 0.0))
    p, u = jnp.zeros(1), jnp.ones(1)
    state, distances = tx.init(p), []
    for _ in range(4):
        updates, state = tx.update(u, state, p)
        p = optax.apply_updates(p, updates)
        distances.append(float(jnp.abs(p - state.x)[0]))
    np.testing.assert_allclose(np.array(distances[1:]) / distances[:-1], 1 / 3, rtol=1e-4)


def test_sequences_are_no_buffers_of_the_parameters():
    p = jnp.ones(3)
    state = optim.accelerated_step(0.1, mode="win2").init(p)
    pointers = {a.unsafe_buffer_pointer() for a in (p, state.x, state.y)}
    assert len(pointers) == 3


def test_an_unknown_mode_is_answered():
    with pytest.raises(ValueError, match="mode is 'win' or 'win2', got 'win3'"):
        optim.accelerated_step(0.1, mode="win3")
