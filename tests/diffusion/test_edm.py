import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion.edm import Edm, vp_sigma, vp_time, warmup_bound
from tests.parity.generative_check import check_recorded


def test_recorded_values():
    check_recorded("edm/", "fdm/")


def test_the_levels_of_vp_are_inverted():
    t = jnp.asarray([0.01, 0.3, 1.0])
    np.testing.assert_allclose(vp_time(vp_sigma(t)), t, rtol=1e-4)


def test_the_weighted_target_of_edm_has_unit_scale():
    """A network that is right up to c_out times a unit error has loss 1 at every level."""
    process = Edm()
    sigma = jnp.asarray([0.01, 1.0, 50.0])
    weight = process.weight(sigma, jnp.asarray(0))
    out = process.scalings(sigma, jnp.zeros((3, 1))).out[:, 0]
    np.testing.assert_allclose(weight * out**2, 1, rtol=1e-5)


def test_momentum_changes_the_input_alone():
    sigma, x = jnp.asarray([0.01, 1.0, 50.0]), jnp.ones((3, 2))
    plain, momentum = Edm().scalings(sigma, x), Edm(momentum=2.0).scalings(sigma, x)
    assert plain.skip.tolist() == momentum.skip.tolist()
    assert plain.out.tolist() == momentum.out.tolist()
    assert not np.allclose(plain.input, momentum.input)


def test_the_warm_up_of_weights_is_a_function_of_the_update():
    assert float(warmup_bound(jnp.asarray(0), 200)) == 5
    assert float(warmup_bound(jnp.asarray(100), 200)) == pytest.approx(50)
    assert np.isinf(warmup_bound(jnp.asarray(200), 200))
