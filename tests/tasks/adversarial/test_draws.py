import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.adversarial.draws import draw_batch

KEY = jax.random.key(0)


def test_draws_are_those_of_the_example_wherever_it_stands():
    draw = jax.jit(draw_batch, static_argnums=2)
    whole = draw(KEY, jnp.arange(4), 3)
    part = draw(KEY, jnp.asarray([3, 1, 1, 3]), 3)
    np.testing.assert_array_equal(part.noise, np.asarray(whole.noise)[[3, 1, 1, 3]])
    np.testing.assert_array_equal(part.mix, np.asarray(whole.mix)[[3, 1, 1, 3]])
    assert whole.noise.shape == (4, 3)
