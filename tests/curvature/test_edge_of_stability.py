"""Full-batch descent settles where the largest eigenvalue is 2 / learning rate.

Cohen, Kaur, Li, Kolter, Talwalkar: Gradient descent on neural networks typically occurs at the
edge of stability, ICLR 2021.
"""

import optax
import pytest

from benchmarks.theory_claims import digits, tanh_squares, top_eigenvalue, train_network


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.4, 0.8])
def test_sharpness_settles_at_the_edge(rate):
    """From below (0.8 times) and from above (1.7 times)."""
    train, _ = digits()
    found = train_network(0, optax.sgd(rate), 2000, 1000, train, tanh_squares, batch_size=None)
    start, _, end = (top_eigenvalue(tanh_squares, params, train) * rate / 2 for params in found)
    assert not 0.95 < start < 1.2
    assert 1.0 - 0.02 <= end <= 1.15
