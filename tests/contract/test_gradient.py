"""A mean over parts is the mean over the valid examples of the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.contract import TrainState, valid_examples
from effjax.contract.gradient import (
    gradient_in_parts,
    loss_in_parts,
    relative_weights,
    whole_gradient,
)

MASK = np.asarray([0, 1, 1, 0, 0, 1, 1, 1], np.float32)
X = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)


def loss(params, model_state, batch, rng, step):
    errors = jnp.square(batch["x"] @ params["w"] - 1.0)
    total, count = (errors * batch["mask"]).sum(), batch["mask"].sum()
    return total / jnp.maximum(count, 1.0), (model_state + count, {"loss": (total, count)})


def state_with(dtype=jnp.float32):
    params = {"w": jnp.asarray([0.5, -1.0, 2.0], dtype)}
    zero = jnp.zeros((), jnp.int32)
    return TrainState(zero, params, jnp.zeros(()), {}, None, jax.random.key(0), {}, zero)


def in_parts(array, parts):
    return array.reshape(parts, -1, *array.shape[1:])


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("mask", [MASK, np.ones(8, np.float32), np.r_[np.zeros(4), np.ones(4)]])
def test_parts_are_weighed_by_their_valid_examples(parts, mask):
    mask = mask.astype(np.float32)
    whole = whole_gradient(loss, state_with(), {"x": X, "mask": mask}, None)
    batch = {"x": in_parts(X, parts), "mask": in_parts(mask, parts)}
    found = gradient_in_parts(loss, valid_examples, state_with(), batch, None)
    np.testing.assert_allclose(found.grads["w"], whole.grads["w"], rtol=1e-6)
    np.testing.assert_allclose(found.value, whole.value, rtol=1e-6)
    np.testing.assert_allclose(found.model_state, mask.sum())
    for one, other in zip(found.metrics["loss"], whole.metrics["loss"]):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    value = loss_in_parts(loss, valid_examples, state_with(), batch, None)
    np.testing.assert_allclose(value, whole.value, rtol=1e-6)


def test_gradients_of_bfloat16_are_added_in_float32():
    batch = {"x": in_parts(X, 4), "mask": np.ones((4, 2), np.float32)}
    found = gradient_in_parts(loss, valid_examples, state_with(jnp.bfloat16), batch, None)
    assert found.grads["w"].dtype == jnp.float32


def test_equal_weights_are_exactly_one():
    np.testing.assert_array_equal(relative_weights(jnp.full(7, 3.0)), np.ones(7))
    np.testing.assert_array_equal(relative_weights(jnp.zeros(3)), np.zeros(3))
    assert valid_examples({"x": X}) == 1.0
