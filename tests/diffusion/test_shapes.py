import jax.numpy as jnp
import numpy as np

from effjax.diffusion.shapes import gather, mean_of_example, per_example, sum_of_example


def test_numbers_meet_their_examples():
    x = jnp.ones((2, 3, 4))
    assert per_example(jnp.arange(2.0), x).shape == (2, 1, 1)
    assert gather(np.asarray([5.0, 7.0]), jnp.asarray([1, 0]), x).ravel().tolist() == [7, 5]
    assert mean_of_example(x).tolist() == [1, 1]
    assert sum_of_example(x).tolist() == [12, 12]
