"""Noise and signal from the parts of a batch: right on average, whatever the parts weigh."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract.part_noise import NOISE, SIGNAL, count_examples, part_noise, square_of

GRADIENTS = np.array([[1.0, 0.0], [0.0, -2.0], [3.0, 1.0]])  # of all examples there are
TRUE_SIGNAL = (GRADIENTS.mean(0) ** 2).sum()
TRUE_NOISE = ((GRADIENTS - GRADIENTS.mean(0)) ** 2).sum(1).mean()


def estimate(drawn, sizes, axis=None):
    """From the gradients [B, 2] of a batch that is cut into parts of these sizes."""
    ends = np.cumsum(sizes)
    parts = jnp.stack([part.mean(0) for part in jnp.split(drawn, ends[:-1])])
    weights = jnp.asarray(sizes, jnp.float32)
    whole = {"default": jnp.linalg.norm(drawn.mean(0))}
    found = part_noise((parts**2).sum(1), weights, whole, float(len(drawn)), axis)
    return {name: total / count for name, (total, count) in found.items()}


@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (1, 1, 2), (1, 1, 1, 1)])
def test_the_mean_over_all_batches_is_the_truth(sizes):
    """All 81 batches of four examples that can be drawn: no bias at all."""
    batches = jnp.asarray([GRADIENTS[list(b)] for b in itertools.product(range(3), repeat=4)])
    found = jax.vmap(lambda drawn: estimate(drawn, sizes))(batches)
    assert float(found[SIGNAL].mean()) == pytest.approx(TRUE_SIGNAL, rel=1e-5)
    assert float(found[NOISE].mean()) == pytest.approx(TRUE_NOISE, rel=1e-5)


def test_devices_are_parts():
    """Two devices of two parts each are four parts; one that weighs nothing is none."""
    squares = jnp.array([[1.0, 2.0], [4.0, jnp.nan]])
    weights = jnp.array([[1.0, 1.0], [1.0, 0.0]])
    whole = {"a": jnp.array(0.6), "b": jnp.array(0.8)}
    alone = part_noise(squares.ravel(), weights.ravel(), whole, 6.0, None)

    def device(squares, weights):
        return part_noise(squares, weights, whole, 6.0, "batch")

    found = jax.vmap(device, axis_name="batch")(squares, weights)
    for name, (value, _) in alone.items():
        np.testing.assert_allclose(found[name][0], value, rtol=1e-6)
    # small = 7/3, |G|^2 = 1, three parts
    assert float(alone[NOISE][0]) == pytest.approx(6 * (7 / 3 - 1) / 2)
    assert float(alone[SIGNAL][0]) == pytest.approx((3 * 1 - 7 / 3) / 2)


def test_what_is_frozen_does_not_count():
    grads = {"a": jnp.array([3.0, 4.0]), "b": jnp.array([100.0], jnp.bfloat16)}
    assert float(square_of(grads, frozenset({"b"}))) == 25.0
    assert square_of(grads, frozenset()).dtype == jnp.float32


def test_examples_are_valid_ones():
    assert count_examples({"x": jnp.ones(3)}, 12, None) == 12.0
    assert float(count_examples({"mask": jnp.array([[1.0, 0.0], [1.0, 1.0]])}, 4, None)) == 3.0
