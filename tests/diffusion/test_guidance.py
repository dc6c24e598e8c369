import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion.edm_samplers import Churn
from effjax.diffusion.guidance import Guidance, guide, power_cosine
from effjax.errors import UserError

LABELS = jnp.asarray([0, 1])
X = jax.random.normal(jax.random.key(0), (2, 3, 3, 4))
TOLD = jnp.asarray([10.0, 900.0])


def conditional(x, told, labels):
    shifts = jnp.asarray([1.0, 2.0, -5.0])  # the last is "no label"
    return jnp.concatenate([x, x], -1) + shifts[labels][:, None, None, None]


def test_a_scale_of_one_is_the_conditional_network():
    plain = conditional(X, TOLD, LABELS)
    out = Guidance(1.0).network(conditional, LABELS, 2)(X, TOLD)
    assert (out == plain).all()
    assert (guide(plain, -plain, jnp.ones(2), 4) == plain).all()


def test_the_prediction_is_pushed_away_and_the_variance_is_not():
    out = Guidance(3.0).network(conditional, LABELS, 2)(X, TOLD)
    plain = conditional(X, TOLD, LABELS)
    away = jnp.asarray([6.0, 7.0])[:, None, None, None]
    np.testing.assert_allclose(out[..., :4], (plain + 2 * away)[..., :4], rtol=1e-5)
    assert (out[..., 4:] == plain[..., 4:]).all()


def test_three_of_four_channels():
    out = Guidance(3.0, guided_channels=3).network(conditional, LABELS, 2)(X, TOLD)
    plain = conditional(X, TOLD, LABELS)
    assert (out[..., 3:] == plain[..., 3:]).all()
    assert not (out[..., :3] == plain[..., :3]).any()


def test_an_interval_guides_inside_alone():
    assert Guidance(3.0, interval=(0.0, 100.0)).scales(TOLD).tolist() == [3.0, 1.0]


def test_the_ends_of_an_interval_are_in_order():
    with pytest.raises(UserError, match=r"expected \(low, high\)"):
        Guidance(2.0, interval=(0.9, 0.1))
    with pytest.raises(UserError, match="expected low <= high"):
        Churn(1.0, low=2.0, high=1.0)


def test_the_scale_of_mdt_is_full_at_the_data():
    scales = power_cosine(3.8, 4.0, jnp.asarray([0.0, 500.0, 999.0]))
    assert float(scales[0]) == pytest.approx(3.8)
    assert float(scales[1]) < 1.05
    assert float(scales[2]) == pytest.approx(1)
