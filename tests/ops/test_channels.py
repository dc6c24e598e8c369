import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import channel_product, channel_sum, rest_shape, traced_for


@pytest.mark.parametrize("platform", ["cpu", "tpu"])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_channels_of_every_position_meet_the_kernel(platform, leading):
    keys = jax.random.split(jax.random.key(0))
    x, kernel = jax.random.normal(keys[0], (*leading, 6)), jax.random.normal(keys[1], (6, 7))
    with traced_for(platform):
        y = channel_product(x, kernel)
    np.testing.assert_allclose(y, jnp.einsum("...i,io->...o", x, kernel), rtol=1e-5, atol=1e-6)


def test_only_for_a_tpu_the_batch_stays_an_axis_of_its_own():
    x, kernel = jnp.ones((2, 3, 4, 6)), jnp.ones((6, 7))

    def shapes(platform):
        with traced_for(platform):
            jaxpr = jax.make_jaxpr(lambda x: channel_product(x, kernel))(x)
        return [eqn.invars[0].aval.shape for eqn in jaxpr.eqns if "dot" in eqn.primitive.name]

    assert shapes("cpu") == [(24, 6)]
    assert shapes("tpu") == [(2, 12, 6)]


@pytest.mark.parametrize(
    ("platform", "shape", "has_rows", "rests_as"),
    [
        ("tpu", (2, 8, 8, 64), True, (2, 64, 64)),  # half of the lanes
        ("tpu", (2, 8, 8, 128), True, (2, 8, 8, 128)),
        ("tpu", (2, 8, 8, 128), False, (2, 64, 128)),  # attention
        ("tpu", (2, 64, 64), False, (2, 64, 64)),
        ("cpu", (2, 8, 8, 64), False, (2, 8, 8, 64)),
    ],
)
def test_positions_are_one_axis_where_that_fills_tiles(platform, shape, has_rows, rests_as):
    with traced_for(platform):
        assert rest_shape(shape, has_rows) == rests_as


def queries_keys_values(platform):
    """A function of arrays that gives three parts of a linear layer's output, and the arrays."""
    shapes = (2, 5, 4), (4, 6), (6,)
    keys = jax.random.split(jax.random.key(1), 3)
    arrays = [jax.random.normal(*pair) for pair in zip(keys, shapes, strict=True)]

    def parts(x, kernel, bias):
        with traced_for(platform):
            y = channel_sum(channel_product(x, kernel, parts=3), bias, parts=3)
        return jnp.split(y, 3, axis=-1)

    return parts, arrays


def test_parts_have_the_values_and_gradients_of_the_whole():
    def both(platform):
        parts, arrays = queries_keys_values(platform)

        def loss(*arrays):
            q, k, v = parts(*arrays)
            return (jnp.sin(q) * jnp.cos(k) + v**2).sum()

        return parts(*arrays), jax.grad(loss, (0, 1, 2))(*arrays)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        both("tpu"),
        both("cpu"),
    )


@pytest.mark.parametrize(("platform", "widths"), [("cpu", [6]), ("tpu", [2, 2, 2])])
def test_only_for_a_tpu_each_part_is_a_product_of_its_own(platform, widths):
    parts, arrays = queries_keys_values(platform)
    jaxpr = jax.make_jaxpr(parts)(*arrays)
    products = [eqn for eqn in jaxpr.eqns if "dot" in eqn.primitive.name]
    assert [eqn.outvars[0].aval.shape[-1] for eqn in products] == widths
