import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import normalise, normalise_reference, traced_for

EPS = 1e-6


@pytest.mark.parametrize("over", [(-1,), (-3, -2, -1)])
def test_the_form_for_tpus_has_the_values_and_gradients_of_jax(over):
    x = 30 + jax.random.normal(jax.random.key(0), (2, 4, 3, 5))

    def both(form):
        return jax.value_and_grad(lambda x: jnp.sin(form(x, over, EPS)).sum())(x)

    with traced_for("tpu"):
        found = both(normalise)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5),
        found,
        both(normalise_reference),
    )


def test_a_gradient_of_a_gradient_is_the_same():
    """Products with the Hessian are taken forward over reverse."""
    x, along = jax.random.normal(jax.random.key(1), (2, 3, 5))

    def product(form):
        grad = jax.grad(lambda x: jnp.sin(form(x, (-1,), EPS)).sum())
        return jax.jvp(grad, (x,), (along,))[1]

    with traced_for("tpu"):
        found = product(normalise)
    np.testing.assert_allclose(found, product(normalise_reference), atol=1e-4)


def test_bfloat16_is_normalised_in_float32():
    x = jnp.arange(8, dtype=jnp.bfloat16)
    for platform in ("cpu", "tpu"):
        with traced_for(platform):
            assert normalise(x, (-1,), EPS).dtype == jnp.float32


@pytest.mark.parametrize("mean", [0.0, 3.0, 30.0, 300.0])
def test_one_pass_over_bfloat16_loses_less_than_rounding_to_it(mean):
    def exact(x):
        x = np.asarray(x, np.float64)
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPS)

    x = mean + jax.random.normal(jax.random.key(2), (64, 384))
    rounded = x.astype(jnp.bfloat16)
    with traced_for("tpu"):
        found = normalise(rounded, (-1,), EPS)
    lost_by_rounding = abs(exact(rounded) - exact(x)).max()
    assert abs(found - exact(rounded)).max() < 0.1 * lost_by_rounding


def test_equal_numbers_are_normalised_to_nothing():
    x = jnp.full((4, 7), 123.4, jnp.bfloat16)

    def total(x):
        y = normalise(x, (-1,), EPS)
        return y.sum(), y

    with traced_for("tpu"):
        gradient, y = jax.grad(total, has_aux=True)(x)
    # what rounding leaves of x - mean, 1e-5, over the root of EPS
    assert abs(y).max() < 0.02
    assert jnp.isfinite(gradient).all()
