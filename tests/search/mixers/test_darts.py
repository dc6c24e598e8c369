import jax.numpy as jnp
import numpy as np

from effjax.config import View
from effjax.search.mixers.darts import MixerDartsSearch
from tests.search.mixers.small import FIRST, SECOND, task_config


def test_a_block_runs_the_shares_of_its_own_options():
    task = MixerDartsSearch(View(task_config("mixer_darts")))
    alphas = {FIRST: jnp.log(jnp.array([1.0, 2.0, 3.0, 4.0])), SECOND: jnp.zeros(2)}
    weights = task.operation_weights(alphas, None, jnp.int32(0))
    np.testing.assert_allclose(weights[FIRST], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    np.testing.assert_allclose(weights[SECOND], [0.5, 0.5], rtol=1e-6)
    assert task.takes_forward_derivatives
