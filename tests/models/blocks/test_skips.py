import jax
import jax.numpy as jnp
import pytest

from effjax.models.blocks.skips import SkipGate, gated, skip_factor


def test_the_outermost_skip_is_whole():
    assert [skip_factor("constant", i, 3, 0.5) for i in range(3)] == [0.25, 0.5, 1.0]
    assert skip_factor("plain", 0, 3, 0.5) == 1
    assert skip_factor("sqrt_half", 0, 3, 0.5) == pytest.approx(0.5**0.5)


def test_gates_start_near_one_half():
    skip = jax.random.normal(jax.random.key(0), (2, 32, 4))
    gates, _ = SkipGate().init_with_output(jax.random.key(1), skip)
    assert gates.shape == (2, 32)
    assert float(jnp.abs(gates - 0.5).max()) < 0.3
    assert gated(skip, gates).shape == skip.shape
