import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import channel_product, rest_shape, traced_for


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
