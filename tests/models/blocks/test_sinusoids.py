import jax.numpy as jnp
import numpy as np

from effjax.models.blocks.sinusoids import grid_table, time_table
from tests.parity.generative_check import check_recorded


def test_recorded_values():
    check_recorded("positions/", "timestep_embedding/")


def test_times_keep_their_digits_in_bfloat16():
    table = time_table(jnp.asarray([937, 936]), 8)
    assert table.dtype == jnp.float32
    assert not np.allclose(table[0], table[1])


def test_the_column_comes_first():
    table = grid_table((2, 3), 8)
    assert table.shape == (6, 8)
    np.testing.assert_allclose(table[1, 0], np.sin(1))
    np.testing.assert_allclose(table[3, 4], np.sin(1))
