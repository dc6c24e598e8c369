"""What sizes cost: the same as the network that is built with them, and as a measured table."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models import cost
from tests.search.kernel_sizes.conftest import supernet_of


@pytest.mark.parametrize("unit", ["params", "macs"])
@pytest.mark.parametrize(
    ("model", "separable"), [("convformer_s18", False), ("inception_next_atto", True)]
)
def test_costs_are_those_of_the_exported_network(model, separable, unit):
    net = supernet_of(model, cost=unit, scope="network", separable=separable)
    rng = np.random.default_rng(0)
    for _ in range(3):
        sizes = 2 * rng.integers(0, (net.sizes.largest + 1) // 2) + 1
        found = cost(net.with_sizes(sizes), net.image_shape)
        exact = found.params if unit == "params" else found.macs
        assert net.cost.exact(sizes) == exact
        soft = net.cost.soft(jnp.asarray(sizes, jnp.float32))
        np.testing.assert_allclose(soft, exact, rtol=1e-6)


def test_latency_is_the_table_at_odd_sizes_and_linear_between(pooling_table):
    keys = {"cost": "latency", "latency_table": str(pooling_table)}
    net = supernet_of("poolformer_s12", **keys)
    assert net.cost.exact([7, 3, 1, 1]) == pytest.approx(0.08 * 49 + 0.08 * 9 + 0.16 * 2)
    soft = net.cost.soft(jnp.asarray([4.0, 3.0, 1.0, 1.0]))
    np.testing.assert_allclose(soft, 0.08 * 17 + 0.08 * 9 + 0.16 * 2, rtol=1e-6)
    whole = supernet_of("poolformer_s12", **keys, scope="network")
    assert whole.cost.exact([3, 3, 3, 3]) == pytest.approx(40.0)


def test_a_table_of_another_network(pooling_table):
    keys = {"cost": "latency", "latency_table": str(pooling_table)}
    with pytest.raises(UserError, match="does not hold depthwise square 16x16x16"):
        _ = supernet_of("convformer_s18", **keys).cost
