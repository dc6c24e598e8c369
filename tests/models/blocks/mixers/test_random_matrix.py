import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.mixers import Random

MAP = np.ones((1, 2, 2, 64), np.float32)


def test_random_matrices_average_and_differ():
    matrices = []
    for seed in (0, 1):
        variables = Random(0).init(jax.random.key(seed), MAP, False, None)
        matrices.append(variables["constants"]["random_matrix"])
    np.testing.assert_allclose(matrices[0].sum(1), 1, rtol=1e-6)
    assert not np.allclose(*matrices)


def test_another_grid_is_refused():
    variables = Random(0).init(jax.random.key(0), MAP, False, None)
    with pytest.raises(UserError, match="drawn for 4 tokens and got 1x2 = 2"):
        Random(0).apply(variables, MAP[:, :1], False, None)
