import jax
import jax.numpy as jnp

from effjax.tasks.diffusion.draws import draw_batch

KEY = jax.random.key(0)


def test_draws_are_those_of_the_example_wherever_it_stands():
    whole = draw_batch(KEY, jnp.arange(4), (3, 2), passes=2, tokens=5)
    part = draw_batch(KEY, jnp.asarray([3, 1]), (3, 2), passes=2, tokens=5)
    assert (part.uniform == whole.uniform[jnp.asarray([3, 1])]).all()
    assert (part.noise == whole.noise[:, jnp.asarray([3, 1])]).all()
    assert (part.order == whole.order[jnp.asarray([3, 1])]).all()


def test_passes_have_noise_and_dropout_of_their_own():
    draws = draw_batch(KEY, jnp.arange(4), (3, 2), passes=2, tokens=0)
    assert draws.noise.shape == (2, 4, 3, 2)
    assert not (draws.noise[0] == draws.noise[1]).any()
    assert not (draws.drop[0] == draws.drop[1]).any()
    assert draws.order.shape == (4, 0)
