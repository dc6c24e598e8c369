import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.contrast.selected import selected_nce
from tests.parity.selfsup_check import check_recorded


def test_selection_and_weights_are_as_recorded():
    check_recorded("pgcl/")


def test_without_selection_it_is_contrast_of_two_views():
    one, two = jax.random.normal(jax.random.key(0), (2, 3, 4))
    assigned = jnp.full((3, 5), 0.2)
    found = selected_nce(one, two, (assigned, assigned), jnp.eye(5)[:, :4], 0.5, select=False)
    rows = np.concatenate([one, two])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    closeness = np.exp(rows @ rows.T / 0.5)
    losses = []
    for row in range(6):
        positive = closeness[row, (row + 3) % 6]
        others = closeness[row].sum() - closeness[row, row]
        losses.append(-np.log(positive / others))
    np.testing.assert_allclose(found, np.mean(losses), rtol=1e-5)
