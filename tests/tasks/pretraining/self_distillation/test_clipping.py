import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.clipping import clip_each


def test_each_tensor_is_clipped_by_its_own_norm():
    clipped = clip_each({"large": jnp.full(4, 3.0), "small": jnp.full(4, 0.1)}, 2.0)
    np.testing.assert_allclose(clipped["large"], np.ones(4), rtol=1e-6)
    np.testing.assert_array_equal(clipped["small"], np.full(4, 0.1, np.float32))
