"""Random erasing: probability, area, ratio, noise."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data import MixConfig
from effjax.data.erase import random_erase

KEY = jax.random.key(0)


def erase(count=2048, size=(24, 24), **settings):
    config = dataclasses.replace(MixConfig(), erase_mode="const", **settings)
    keys = jax.random.split(KEY, count)
    erase_all = jax.jit(jax.vmap(lambda key: random_erase(key, jnp.ones((*size, 1)), config)))
    out = erase_all(keys)
    return np.asarray(out[..., 0] == 0)


def test_erasing_probability_area_and_ratio():
    erased = erase(erase_prob=0.25)
    assert abs(erased.any((1, 2)).mean() - 0.25) < 0.03
    boxes = erase(erase_prob=1.0)
    area = boxes.mean((1, 2))
    assert area.min() > 0.01
    assert area.max() < 0.36
    assert abs(area.mean() - 0.17) < 0.02  # uniform between 0.02 and 1/3, tall ones drop out
    rows, columns = boxes.any(2).sum(1), boxes.any(1).sum(1)
    np.testing.assert_array_equal(rows * columns, boxes.sum((1, 2)))
    assert abs(np.log(rows / columns).mean()) < 0.1


def test_pixel_erasing_is_standard_noise():
    config = MixConfig(erase_prob=1.0)
    image = jnp.full((64, 64, 3), 100.0)
    keys = jax.random.split(KEY, 64)
    out = jax.jit(jax.vmap(lambda key: random_erase(key, image, config)))(keys)
    noise = np.asarray(out)[np.asarray(out) != 100]
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
