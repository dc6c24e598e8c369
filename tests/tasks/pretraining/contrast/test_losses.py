"""Trajectories of the authors' code; chance in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.contrast.losses import batch_nce, info_nce, queue_logits
from tests.parity.selfsup_check import check_recorded


def test_momentum_contrast_is_as_recorded():
    check_recorded("moco_v2/")


@pytest.mark.slow
def test_the_first_and_the_third_version_are_as_recorded():
    check_recorded("moco_v1/", "mocov3/")


def test_chance_is_the_logarithm_of_the_candidates():
    one = jnp.ones((3, 2)) / np.sqrt(2)
    logits = queue_logits(one, one, jnp.tile(one, (5, 1)), 0.1)
    assert logits.shape == (3, 16)
    np.testing.assert_allclose(info_nce(logits), np.log(16), rtol=1e-5)
    np.testing.assert_allclose(batch_nce(one, one, 0, 0.2), 0.4 * np.log(3), rtol=1e-5)


def test_a_device_answers_for_its_own_examples():
    keys = jnp.eye(4)
    whole = batch_nce(keys, keys, 0, 0.5)
    half = batch_nce(keys[2:], keys, 2, 0.5)
    np.testing.assert_allclose(half, whole[2:])
    assert float(whole[0]) == pytest.approx(np.log(np.exp(2) + 3) - 2)
