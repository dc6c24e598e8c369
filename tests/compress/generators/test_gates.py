import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.generators.gates import (
    Structure,
    architecture_gates,
    comparable,
    falling_shares,
    hard,
    nested_logits,
    open_scores,
    resource_template,
    soft_gates,
)
from effjax.errors import UserError

# a uniform whose Gumbel draw is 0
QUIET = np.exp(-1.0)
STRUCTURE = Structure(((2,), (1, 3)), (False, True))


def test_gates_stand_block_by_block():
    assert STRUCTURE.layers == (2, 1, 3)
    assert (STRUCTURE.width_count, STRUCTURE.depth_count) == (6, 1)
    assert STRUCTURE.sizes.tolist() == [2, 2, 1, 3, 3, 3, 1]
    assert STRUCTURE.blocks() == [(slice(0, 2), None), (slice(2, 6), 6)]
    macs = resource_template(STRUCTURE, ((1.0,), (2.0, 3.0)))
    assert macs.tolist() == [1, 1, 2, 3, 3, 3, 5]


def test_other_structures_are_refused():
    with pytest.raises(UserError, match="2 blocks have widths, 1 may drop"):
        Structure(((2,), (1,)), (True,))
    with pytest.raises(UserError, match="expected each of 1 depth gates"):
        Structure(((2,),), (True,), (3,))


def test_without_noise_a_gate_is_a_sigmoid():
    logits = jnp.asarray([-1.0, 0.0, 2.0])
    found = soft_gates(logits, jnp.full(3, QUIET), 0.5, 0.0)
    np.testing.assert_allclose(found, jax.nn.sigmoid(2 * logits), rtol=1e-5)


def test_depths_fall_and_the_first_one_stays():
    shares = falling_shares(jnp.asarray([[0.3, -1.0, 2.0, 0.0]]))
    np.testing.assert_allclose(shares[0, 0], 1, rtol=1e-6)
    assert (np.diff(shares[0]) < 0).all()
    np.testing.assert_allclose(
        jax.nn.sigmoid(nested_logits(shares)), falling_shares(shares), atol=1e-5
    )


def test_a_layer_keeps_a_gate():
    logits = jnp.full((1, 7), -20.0)
    found = architecture_gates(STRUCTURE, logits, jnp.full((1, 7), QUIET), base=0.0)
    np.testing.assert_allclose(found[0, :6], [0.5, 0, 0.5, 0.5, 0, 0], atol=1e-6)
    # the only depth is the first one, which stays
    assert found[0, 6] > 0.99


def test_rounding_lets_gradients_through():
    value, grad = jax.value_and_grad(lambda g: hard(g).sum())(jnp.asarray([0.2, 0.7]))
    assert float(value) == 1
    assert grad.tolist() == [1, 1]


def test_a_block_that_may_be_dropped_counts_by_its_depth():
    gates = jnp.asarray([[0.9, 0.1, 0.8, 0.6, 0.6, 0.6, 0.5]])
    vector = comparable(STRUCTURE, gates)[0]
    third = 0.3 / np.sqrt(3)
    expected = [1 / np.sqrt(2), 0, 0.4, third, third, third, 1]
    np.testing.assert_allclose(vector, expected, rtol=1e-5)
    doubled = comparable(STRUCTURE, gates, jnp.full(7, 2.0))[0]
    np.testing.assert_allclose(doubled, 2 * vector)


def test_scores_say_which_gates_are_open_without_noise():
    structure = Structure(((2,), (3,), (1,)), (True,) * 3, order=(1, 2, 0))
    logits = 4 * jnp.asarray(np.random.default_rng(0).standard_normal((5, 9)))
    gates = architecture_gates(structure, logits, jnp.full((5, 9), QUIET), base=0.5)
    scores = open_scores(structure, logits, base=0.5)
    np.testing.assert_allclose(jax.nn.sigmoid(scores / 0.4)[:, 6:], gates[:, 6:], atol=1e-5)
    # a layer of which no gate is open has the first one opened
    closed = (scores[:, 0] < 0) & (scores[:, 1] < 0)
    np.testing.assert_array_equal(gates[:, 0] >= 0.5, (scores[:, 0] >= 0) | closed)
    # the block that is never dropped
    assert (scores[:, 7] > 13).all()
