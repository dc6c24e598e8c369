import jax
import jax.numpy as jnp
import numpy as np

from effjax.diffusion.meanflow import MeanFlow, adaptive
from tests.parity.generative_check import check_recorded


def test_recorded_values():
    check_recorded("meanflow/")


def test_times_are_in_order_and_often_equal():
    keys = jax.random.split(jax.random.key(0))
    uniform, normal = jax.random.uniform(keys[0], (400,)), jax.random.normal(keys[1], (400,))
    t, r = MeanFlow().time(uniform, normal).T
    assert (r <= t).all()
    assert abs(float((r == t).mean()) - 0.75) < 0.07


def test_the_loss_of_the_right_mean_velocity_is_zero():
    """All data in one point p: z_t = (1 - t) p + t noise, and u(z, r, t) = (z - p) / t."""
    process = MeanFlow(time_scale=1.0)
    clean = jnp.full((4, 2), 0.7)
    noise = jax.random.normal(jax.random.key(1), (4, 2))
    time = jnp.asarray([[0.9, 0.2], [0.5, 0.5], [0.4, 0.1], [0.8, 0.7]])

    def network(z, told):
        return (z - 0.7) / told[:, :1]

    loss = process.loss(network, clean, noise, time, jnp.asarray(0))
    np.testing.assert_allclose(loss, 0, atol=1e-6)
    np.testing.assert_allclose(process.error(network, clean, noise, time), 0, atol=1e-6)


def test_large_errors_count_as_much_as_small_ones():
    np.testing.assert_allclose(adaptive(jnp.asarray([1.0, 1e4])), 1, rtol=0.02)
