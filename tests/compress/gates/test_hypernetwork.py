"""Networks that say how open channels are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.gates.hypernetwork import (
    ChannelLogits,
    GroupSizes,
    channel_gates,
    in_order,
    relative_importance,
)


@pytest.mark.slow
@pytest.mark.parametrize("normalised", [True, False])
def test_all_gates_begin_open(normalised):
    model = ChannelLogits((3, 5), normalised)
    logits, variables = model.init_with_output(jax.random.key(0))
    assert [len(of_group) for of_group in logits] == [3, 5]
    assert ("gain_0" in variables["params"]) == normalised
    for of_group in logits:
        assert (channel_gates(of_group) > 0.9).all()
    shares, _ = GroupSizes(4).init_with_output(jax.random.key(0))
    assert ((shares > 0.5) & (shares < 1)).all()


def test_a_mask_is_dealt_out_by_importance():
    importance = jnp.asarray([0.1, 0.9, 0.5])
    mask = jnp.asarray([1.0, 0.5, 0.0])
    np.testing.assert_allclose(in_order(mask, importance), [0.0, 1.0, 0.5])


def test_importance_is_a_share_of_the_largest_norm():
    found = relative_importance(jnp.zeros(2), jnp.asarray([1.0, 4.0]))
    np.testing.assert_allclose(found, [0.125, 0.5])
