import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.models.families.vit import Block, ViTArchitecture
from effjax.tasks.pretraining.self_distillation.relation import mean_patch, related
from tests.parity.selfsup_check import check_recorded


@pytest.mark.slow
def test_a_whole_pass_of_mugs_as_recorded():
    check_recorded("mugs_model/")


@pytest.mark.slow
def test_a_group_is_an_image_and_its_neighbours():
    a = ViTArchitecture(4, 2, 1)
    features = {"stage4": jnp.ones((2, 5, 4)), "tokens": jnp.ones((2, 5, 4))}
    block = Block(a, 0.0).init(jax.random.key(0), jnp.ones((1, 3, 4)), None)["params"]
    norm = {"scale": jnp.ones(4), "bias": jnp.zeros(4)}
    met = related(a, block, norm, features, jnp.eye(4), 2)
    assert met.shape == (2, 4)
    np.testing.assert_allclose(met.mean(1), np.zeros(2), atol=1e-3)  # after the norm
    np.testing.assert_array_equal(mean_patch(features), np.ones((2, 4)))
