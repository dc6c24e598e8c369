import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.adversarial.losses import (
    GAMES,
    consistency,
    gradient_penalty,
    squared_slopes,
)
from tests.parity.generative_check import check_recorded

ZERO = jnp.zeros(1)


def test_recorded_games():
    for name in ("lsgan", "vanilla", "hinge"):
        check_recorded(f"gan/{name}")


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        ("non_saturating", np.log(2), np.log(2), np.log(2)),
        ("hinge", 1, 1, 0),
        ("least_squares", 1, 0, 1),
        ("wasserstein", 0, 0, 0),
    ],
)
def test_what_a_score_of_zero_costs(name, real, fake, generator):
    found = [float(of(ZERO)[0]) for of in GAMES[name]]
    assert found == pytest.approx([real, fake, generator])


def linear(weights):
    return lambda x: x @ weights


@pytest.mark.parametrize("length", [0.0, 1.0, 3.0])
def test_the_slope_of_a_plane(length):
    """A linear critic has its weights' norm everywhere; at 0 its gradient is still a number."""
    x = jnp.arange(6.0).reshape(2, 3)
    weights = jnp.asarray([length, 0, 0])

    def penalty(weights):
        return gradient_penalty(linear(weights), x, x + 1, jnp.full(2, 0.3)).mean()

    value, grad = jax.value_and_grad(penalty)(weights)
    assert float(value) == pytest.approx((length - 1) ** 2)
    assert np.isfinite(grad).all()
    assert squared_slopes(linear(weights), x).tolist() == [length**2] * 2


def test_two_passes_may_differ_by_the_margin():
    one = (jnp.asarray([1.0, 1.0]), jnp.zeros((2, 4)))
    other = (jnp.asarray([1.0, 2.0]), jnp.ones((2, 4)))
    np.testing.assert_allclose(consistency(one, other, 0.5), [0, 1.7], rtol=1e-6)
