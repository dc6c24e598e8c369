import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.hidden import draw_hidden


def test_half_of_the_crops_hide_some_patches_and_draws_belong_to_examples():
    key = jax.random.key(0)
    hidden = draw_hidden(key, jnp.arange(64), 2, 20, (0.1, 0.5))
    assert hidden.shape == (2, 64, 20)
    counts = hidden.sum(-1)
    assert 0.3 < float((counts > 0).mean()) < 0.7
    some = counts[counts > 0]
    assert 2 <= some.min() <= some.max() <= 10
    second_half = draw_hidden(key, jnp.arange(32, 64), 2, 20, (0.1, 0.5))
    np.testing.assert_array_equal(hidden[:, 32:], second_half)
