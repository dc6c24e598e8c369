import jax
import jax.numpy as jnp
import numpy as np

from effjax.diffusion.mixture import Mixture
from tests.parity.generative_check import check_recorded

MIXTURE = Mixture(np.asarray([[1.5, 0.5], [-1.5, -0.5]]), np.asarray([0.0, 1.0]), 0.3)


def test_recorded_values():
    check_recorded("mixture/")


def test_the_score_is_the_slope_of_the_log_density():
    x, sigma = jnp.asarray([[0.2, 0.4]]), jnp.asarray([0.5])
    slope = jax.grad(lambda x: MIXTURE.log_density(x, sigma)[0])(x)
    np.testing.assert_allclose(MIXTURE.score(x, sigma), slope, rtol=1e-4)


def test_drawn_shares_are_those_of_the_logits():
    keys = jax.random.split(jax.random.key(0))
    x = MIXTURE.draw(jax.random.normal(keys[0], (2000, 2)), jax.random.uniform(keys[1], (2000,)))
    share = float((x[:, 0] < 0).mean())
    assert abs(share - float(jax.nn.sigmoid(1.0))) < 0.03
