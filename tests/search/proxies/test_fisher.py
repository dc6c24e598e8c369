"""Fisher information of channels by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.search.proxies.fisher import fisher, fisher_by_weights
from effjax.search.proxies.network import split
from tests.search.proxies import tiny

MODULE = tiny.Chain(bias=True)


def run(score, variables, batches):
    return jax.jit(lambda *given: score(tiny.apply_of(MODULE), *given))(variables, batches)


def test_of_the_head_by_hand():
    """dL/da of a logit is (softmax - one-hot) / B."""
    batch = tiny.batch()
    variables = tiny.variables_of(MODULE)
    logits, _ = MODULE.apply(variables, batch.images)
    slope = (jax.nn.softmax(logits) - jax.nn.one_hot(batch.labels, tiny.CLASSES)) / 6
    expected = 0.5 * jnp.square(logits * slope).mean(0)
    found = run(fisher, variables, [batch])
    np.testing.assert_allclose(found["head"], expected, rtol=1e-12)
    weighted = run(fisher_by_weights, variables, [batch])
    np.testing.assert_allclose(weighted["head"], 4 * expected, rtol=1e-12)


def test_micro_batches_are_one_batch():
    batch = tiny.batch(count=5)
    variables = tiny.variables_of(MODULE)
    whole = run(fisher, variables, [batch])
    parts = run(fisher, variables, split(batch, 2))
    for layer, channels in whole.items():
        np.testing.assert_allclose(parts[layer], channels, rtol=1e-12)
