"""The recordings (tests/parity/search_encodings.py) hold the network and its loss to 1e-9."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.encodings.computation_transformer import (
    Attention,
    Vocabulary,
    corrupt,
    similar_pairs,
    smoothed_loss,
    transitive_closure,
)


def test_pad_and_mask_are_outside_of_the_vocabulary():
    assert (Vocabulary(5).padding, Vocabulary(5).masked, Vocabulary(5).size) == (5, 6, 7)
    theirs = Vocabulary(5, pad=0, mask=1)
    assert (theirs.padding, theirs.masked, theirs.size) == (0, 1, 5)


def test_the_closure_is_what_powers_of_the_adjacency_reach():
    rng = np.random.default_rng(0)
    adjacency = np.triu(rng.random((7, 7)) < 0.3, 1).astype(int)
    powers = [np.linalg.matrix_power(adjacency, power) for power in range(1, 7)]
    np.testing.assert_array_equal(transitive_closure(adjacency), np.sum(powers, axis=0) > 0)


def test_hidden_operations_are_labelled():
    uniform = [0.9, 0.1, 0.5, 0.1, 0.9, 0.6, 0.3]
    shown, labels, used = corrupt([4, 3, 2, 1], uniform, Vocabulary(5))
    # kept, hidden, another operation, kept
    assert shown == [4, 6, 3, 1]
    assert labels == [5, 3, 2, 5]
    assert used == 7


def test_partners_cost_less_and_lie_within_reach():
    costs = np.array([5.0, 1.0, 2.0, 9.0])
    assert similar_pairs(costs, 1, 4.0) == [(2, 1), (0, 1), (3, 0)]
    assert similar_pairs(costs, 2, 4.0) == [(2, 1), (0, 1), (0, 2), (3, 0)]
    assert similar_pairs(costs, 2, 0.5) == []


def test_a_position_without_successors_attends_evenly():
    layer = Attention(heads=2)
    x = jax.random.normal(jax.random.key(0), (1, 3, 4))
    variables = layer.init(jax.random.key(1), x, jnp.ones((1, 3, 3)))
    mixed = layer.apply(variables, x, jnp.zeros((1, 3, 3)))
    # the mean of all values, whatever the query
    params = variables["params"]
    value = x @ params["linears_2"]["kernel"]
    wanted = value.mean(1) @ params["linears_3"]["kernel"]
    np.testing.assert_allclose(mixed[0], jnp.repeat(wanted, 3, 0), rtol=1e-4, atol=1e-8)


def test_only_labelled_tokens_count():
    said = jax.nn.log_softmax(jnp.zeros((1, 2, 4)))
    value, count = smoothed_loss(said, jnp.array([[1, 3]]), padding=3)
    assert int(count) == 1
    targets = np.array([0.05, 0.9, 0.05])
    assert float(value) == pytest.approx((targets * (np.log(targets) - np.log(0.25))).sum(), 1e-5)
