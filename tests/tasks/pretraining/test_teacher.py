import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.teacher import (
    cosine_between,
    follow,
    gather_examples,
    own_examples,
    push,
    unit,
)


def test_unit_vectors():
    x = unit(jnp.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(x, [[0.6, 0.8], [0.0, 0.0]])


def test_the_teacher_follows():
    moved = follow({"w": jnp.array([1.0, 2.0])}, {"w": jnp.array([3.0, 0.0])}, 0.75)
    np.testing.assert_allclose(moved["w"], [1.5, 1.5])
    # in bfloat16 the blend is made in float32
    half = follow(jnp.ones(2, jnp.bfloat16), jnp.zeros(2, jnp.bfloat16), 0.99)
    assert half.dtype == jnp.bfloat16


def test_half_a_cosine():
    values = [float(cosine_between(0.9, 1.0, jnp.asarray(step), 10)) for step in (0, 5, 10, 20)]
    assert values == pytest.approx([0.9, 0.95, 1.0, 1.0])


def test_a_queue_forgets_the_oldest_and_keeps_out_what_is_none():
    queue = jnp.zeros((4, 1))
    pointer = jnp.zeros((), jnp.int32)
    for step in range(3):
        keys = jnp.full((2, 1), step + 1.0)
        valid = jnp.array([1.0, 0.0 if step == 2 else 1.0])
        queue, pointer = push(queue, pointer, keys, valid)
    assert queue[:, 0].tolist() == [3.0, 1.0, 2.0, 2.0]
    assert int(pointer) == 2


def test_examples_of_all_devices_are_in_the_order_of_the_batch():
    x = jnp.arange(8.0).reshape(4, 2)

    def both(part):
        whole = gather_examples(part, "batch")
        return whole, own_examples(whole, len(part), "batch")

    whole, own = jax.pmap(both, axis_name="batch", devices=jax.devices()[:4])(x)
    np.testing.assert_array_equal(whole, np.tile(np.arange(8.0), (4, 1)))
    np.testing.assert_array_equal(own, x)
    assert gather_examples(x, None) is x
