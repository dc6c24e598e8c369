"""ISP's and DDNP's gates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.gates.methods import GATES

SIZES = (4, 24)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["isp", "ddnp"])
def test_gates_begin_open_and_their_scores_have_gradients(name):
    method = GATES.find(name)(SIZES)
    params, running = method.init(jax.random.key(0))
    norms = [jnp.arange(1.0, size + 1) for size in SIZES]

    def total(params):
        drawn = method.draw(params, running, norms, jax.random.key(1))
        return drawn.shares.sum() + sum(gates.sum() for gates in drawn.gates)

    slopes = jax.grad(total)(params)
    assert sum(float(jnp.abs(leaf).sum()) for leaf in jax.tree.leaves(slopes)) > 0
    drawn = method.draw(params, running, norms, jax.random.key(1))
    assert drawn.shares.shape == (2,)
    settled = method.settled(params, drawn.running)
    for gates, scores, size in zip(settled, method.scores(params, drawn.running), SIZES):
        assert set(np.unique(gates)) <= {0.0, 1.0}
        assert gates.mean() > 0.5
        assert scores.shape == (size,)


def test_ddnp_ranks_by_the_running_importance():
    method = GATES.find("ddnp")((3,))
    params, _ = method.init(jax.random.key(0))
    (scores,) = method.scores(params, [jnp.asarray([0.2, 0.9, 0.5])])
    assert np.argsort(scores).tolist() == [0, 2, 1]
