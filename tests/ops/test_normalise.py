import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import (
    affine_of_norm,
    norm_in_kernel,
    normalise,
    normalise_reference,
    product_of_affine,
    side_by_side,
    traced_for,
)

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


def test_a_norm_goes_into_kernels_that_are_small_beside_a_map():
    map_shape = (16, 56, 56, 128)
    assert not norm_in_kernel(map_shape, 512)  # images by themselves
    with side_by_side(2):
        assert norm_in_kernel(map_shape, 512)
        assert not norm_in_kernel((16, 28, 28, 128), 512)


def test_a_norm_in_the_kernel_has_the_values_and_gradients_of_one_ahead_of_it():
    keys = jax.random.split(jax.random.key(5))
    x = 3 + jax.random.normal(keys[0], (2, 4, 3, 5))
    kernel = jax.random.normal(keys[1], (5, 7))

    def within(x, kernel):
        return product_of_affine(x, kernel, *affine_of_norm(x, (-3, -2, -1), EPS))

    def ahead(x, kernel):
        return normalise_reference(x, (-3, -2, -1), EPS) @ kernel[None, None]

    def both(form):
        return jax.value_and_grad(lambda *args: jnp.sin(form(*args)).sum(), (0, 1))(x, kernel)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), both(within), both(ahead)
    )


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_a_norm_in_the_kernel_rounds_as_one_ahead_of_it_does(mean):
    """Of bfloat16: one rounds the kernels of images, the other a kernel and what is normalised."""
    keys = jax.random.split(jax.random.key(6))
    x = (mean + jax.random.normal(keys[0], (2, 16, 16, 64))).astype(jnp.bfloat16)
    kernel = jax.random.normal(keys[1], (64, 32))
    normalised = normalise_reference(x, (-3, -2, -1), EPS)
    exact = normalised @ kernel[None, None]
    ahead = normalised.astype(x.dtype) @ kernel[None, None].astype(x.dtype)
    within = product_of_affine(x, kernel, *affine_of_norm(x, (-3, -2, -1), EPS))
    error = jnp.sqrt(jnp.square(within - exact).mean())
    assert error < 1.5 * jnp.sqrt(jnp.square(ahead - exact).mean())
