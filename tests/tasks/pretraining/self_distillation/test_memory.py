import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.memory import nearest, write
from tests.parity.selfsup_check import check_recorded


def test_as_recorded():
    """With the pointer as published, which leaves every other block alone."""
    check_recorded("mugs_memory/")


def test_the_oldest_are_replaced_and_the_end_wraps():
    memory = jnp.zeros((5, 1))
    rows = jnp.arange(1.0, 4.0)[:, None]
    memory, pointer = write(memory, jnp.asarray(0), rows, jnp.ones(3))
    memory, pointer = write(memory, pointer, rows + 3, jnp.ones(3))
    assert memory[:, 0].tolist() == [6, 2, 3, 4, 5]
    assert int(pointer) == 1


def test_padding_takes_no_place():
    rows = jnp.arange(1.0, 4.0)[:, None]
    memory, pointer = write(jnp.zeros((5, 1)), jnp.asarray(3), rows, jnp.asarray([1.0, 0, 1]))
    assert memory[:, 0].tolist() == [0, 0, 0, 1, 3]
    assert int(pointer) == 0


def test_neighbours_are_near_by_angle():
    memory = jnp.asarray([[10.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    numbers, entries = nearest(jnp.asarray([[1.0, 0.1]]), memory, 2)
    assert numbers.tolist() == [[0, 2]]
    np.testing.assert_array_equal(entries[0, 0], memory[0])
