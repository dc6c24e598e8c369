"""Micro-batches, and image models as functions."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.search.proxies.network import apply_of, shares, split
from tests.search.proxies import tiny


def test_parts_hold_every_image_once():
    parts = split(tiny.batch(count=5), 2)
    assert [len(part.labels) for part in parts] == [3, 2]
    assert shares(parts) == [0.6, 0.4]
    together = jnp.concatenate([part.images for part in parts])
    np.testing.assert_array_equal(together, tiny.batch(count=5).images)


def test_a_model_runs_in_the_dtype_of_its_images():
    model = tiny.metaformer(("identity", "identity"), channel_mlp=False)
    program = jax.jit(lambda variables, images: apply_of(model)(variables, images, False))
    found = program(tiny.fresh(model), jnp.ones((2, 16, 16, 3)))
    assert found.logits.dtype == jnp.float64
    assert found.last_map.shape == (2, 2, 2, 8)


def test_nothing_is_dropped():
    images = tiny.batch(count=2).images
    images = jnp.ones((2, 16, 16, 3)) * images.mean((1, 2), keepdims=True)
    found = []
    for rate in (0.0, 0.9):
        mixers = ("identity", "identity")
        model = tiny.metaformer(mixers, channel_mlp=False, drop_path_rate=rate)
        found.append(apply_of(model)(tiny.fresh(model), images, True).logits)
    np.testing.assert_array_equal(*found)
