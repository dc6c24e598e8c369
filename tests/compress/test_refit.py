"""Layers fitted anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.refit import readers_of, refitted
from effjax.compress.shrink import shrink
from effjax.compress.sites import flat, nested, sites_of

SHAPE = (16, 16, 3)


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


@pytest.mark.slow
def test_what_another_channel_can_replace_is_replaced():
    model = models.create_model(
        "vit_small_patch16_224", num_classes=3, width=8, heads=2, depth=1, patch_size=4,
        mlp_hidden=((4,),), image_size=16, dtype="float64",
    )  # fmt: skip
    images = jax.random.normal(jax.random.key(0), (4, *SHAPE), jnp.float64)
    arrays = flat(model.init(jax.random.key(1), images))
    keys = jax.random.split(jax.random.key(2), len(arrays))
    for key, (path, leaf) in zip(keys, list(arrays.items())):
        arrays[path] = jax.random.normal(key, leaf.shape, jnp.float64) * 0.3
    sites = sites_of(model, nested(arrays))
    groups = [site.group for site in sites]
    (name,) = (group.name for group in groups)
    # channel 3 is channel 0 twice: what it gave, the fitted layer takes from channel 0
    for path in (f"params/{name}/kernel", f"params/{name}/bias"):
        arrays[path] = arrays[path].at[..., 3].set(arrays[path][..., 0])
    variables = nested(arrays)
    kept = {name: [0, 1, 2]}
    small, cut = shrink(model, variables, kept)
    expected = model.apply(variables, images)
    assert np.abs(small.apply(cut, images) - expected).max() > 1e-3
    fitted = refitted(cut, readers_of(model, variables, groups, images), kept)
    np.testing.assert_allclose(small.apply(fitted, images), expected, atol=1e-9)
