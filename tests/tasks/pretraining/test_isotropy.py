import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.isotropy import directions, distance_to_gaussian


def closed_form(x):
    """The integral of Epps and Pulley, for numbers [B]."""
    pairs = np.exp(-np.square(x[:, None] - x[None]) / 2).mean()
    cross = np.exp(-np.square(x) / 4).mean() * np.sqrt(2)
    return len(x) * np.sqrt(2 * np.pi) * (pairs - cross + 1 / np.sqrt(3))


def test_it_is_the_integral_and_padding_counts_for_nothing():
    x = 1.3 * np.random.default_rng(0).standard_normal(20)
    padded = jnp.asarray(np.r_[x, 7.0, -3.0], jnp.float32)[None, :, None]
    valid = jnp.asarray(np.r_[np.ones(20), 0, 0], jnp.float32)
    found = distance_to_gaussian(padded, valid, jnp.ones((1, 1)))
    assert float(found[0]) == pytest.approx(closed_form(x), rel=1e-4)


def test_directions_are_unit_vectors():
    along = directions(jax.random.key(0), 5, 7)
    np.testing.assert_allclose(jnp.linalg.norm(along, axis=0), np.ones(7), rtol=1e-6)
