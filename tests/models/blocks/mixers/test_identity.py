import numpy as np

from effjax.models.blocks.mixers import Identity

X = np.arange(9.0, dtype=np.float32).reshape(1, 3, 3, 1)


def test_identity_mixes_nothing():
    assert Identity(3).apply({}, X, False, None) is X
