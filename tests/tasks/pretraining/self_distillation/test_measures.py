import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.self_distillation.measures import averaged, signs_of_collapse

MASK = jnp.asarray([1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("rows", "own", "mean"),
    [
        ([[1, 0], [1, 0], [0, 1]], 0.0, 0.0),  # one output for everything that is an example
        ([[0.5, 0.5]] * 3, np.log(2), np.log(2)),  # nothing for everything
        ([[1, 0], [0, 1], [0, 1]], 0.0, np.log(2)),  # it learns
    ],
)
def test_two_entropies_tell_collapse(rows, own, mean):
    shares = jnp.asarray([rows, rows], jnp.float32)
    found = signs_of_collapse(shares, MASK, None)
    np.testing.assert_allclose(found["teacher_entropy"][:2], own, atol=1e-6)
    np.testing.assert_allclose(found["mean_entropy"], mean, atol=1e-6)


def test_what_is_padded_counts_for_nothing():
    values = jnp.asarray([1.0, 3.0, jnp.nan])
    loss, (state, metrics) = averaged(values, {"group": 2 * values}, MASK, "state")
    assert (float(loss), state) == (2.0, "state")
    assert tuple(map(float, metrics["loss"])) == (4.0, 2.0)
    assert tuple(map(float, metrics["group"])) == (8.0, 2.0)
