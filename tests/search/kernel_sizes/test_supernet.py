"""The network with soft windows: its sizes meet the budget, and what cannot be met is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.ops import pool_minus_input
from effjax.search.kernel_sizes.supernet import soft_pool_minus_input
from tests.search.kernel_sizes.conftest import supernet_of


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_projected_sizes_cost_the_budget_and_differentiate(share):
    """On the way to the budget as planned; derivatives against differences."""
    net = supernet_of("convformer_s18", sizes="free")
    logits = jnp.asarray([0.5, -0.3, 0.0, 1.0])[: len(net.sizes.largest)]

    def sizes(logits):
        return net.soft_sizes({"sizes": {"logits": logits}}, net.budgets[0], share)

    begin = net.cost.soft(jnp.asarray(1 + 0.975 * (net.sizes.largest - 1), jnp.float32))
    wanted = net.budgets[0] ** share * begin ** (1 - share)
    np.testing.assert_allclose(net.cost.soft(sizes(logits)), wanted, rtol=1e-5)
    ours = jax.jacobian(sizes)(logits)
    steps = 0.05 * np.eye(len(logits), dtype=np.float32)
    theirs = np.stack([(sizes(logits + d) - sizes(logits - d)) / 0.1 for d in steps], 1)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    np.testing.assert_allclose(sizes(logits + 3.0), sizes(logits), rtol=1e-4)  # only shares count


def test_soft_pooling_is_pooling_at_odd_sizes():
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 3))
    for size in (1, 3, 5):
        window = np.zeros((7, 7), np.float32)
        cut = (7 - size) // 2
        window[cut : 7 - cut, cut : 7 - cut] = 1
        soft = soft_pool_minus_input(x, jnp.asarray(window))
        np.testing.assert_allclose(soft, pool_minus_input(x, size), atol=1e-5)


def test_even_sizes_cost_the_budget_and_prefer_none():
    net = supernet_of("convformer_s18", max_size=3)  # one range for all four
    even = net.even_sizes(net.cost.exact([1, 1, 3, 3]))
    np.testing.assert_allclose(net.cost.soft(even), net.cost.exact([1, 1, 3, 3]), rtol=1e-5)
    np.testing.assert_allclose(even, even[0] * np.ones(4), rtol=1e-6)


def test_a_budget_that_cannot_be_met_is_refused():
    for keys in ({"budget": 10.0}, {"budget": 1e9}):
        with pytest.raises(UserError, match="cannot be met: sizes from 1 to 7 cost from"):
            _ = supernet_of("convformer_s18", **keys).budgets
    with pytest.raises(UserError, match="does not depend on these sizes"):
        _ = supernet_of("poolformer_s12").budgets


def test_a_budget_may_be_a_share_of_the_given_network():
    net = supernet_of("convformer_s18", budget="0.5x")
    assert net.given_sizes == [7, 7, 7, 3]  # the last map is 2 x 2
    assert net.budgets == (0.5 * net.cost.exact([7, 7, 7, 3]),)
