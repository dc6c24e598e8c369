"""Two runs on neighbouring data: by hand, where one update is one subtraction."""

import jax.numpy as jnp
import numpy as np

from effjax.curvature.stability import distances


def test_distance_after_each_update():
    def update(w, batch):
        return {"w": 0.5 * w["w"] - batch}

    batches = [(jnp.array([1.0, 0.0]), jnp.array([1.0, 3.0])), (jnp.zeros(2), jnp.zeros(2))]
    found = distances(update, lambda w: w, {"w": jnp.zeros(2)}, batches)
    np.testing.assert_allclose(found, [3.0, 1.5])
