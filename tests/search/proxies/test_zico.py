"""ZiCo by hand."""

import jax
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.proxies.saliency import gradient
from effjax.search.proxies.weights import by_layer
from effjax.search.proxies.zico import zico
from tests.search.proxies import tiny

MODULE = tiny.Chain()


def score(batches):
    apply = tiny.apply_of(MODULE)
    return jax.jit(lambda *given: zico(apply, *given))(tiny.variables_of(MODULE), batches)


def test_by_hand():
    apply, variables = tiny.apply_of(MODULE), tiny.variables_of(MODULE)
    batches = [tiny.batch(0), tiny.batch(1)]
    program = jax.jit(lambda batch: gradient(apply, variables, [batch]))
    found = [by_layer(program(batch)) for batch in batches]
    expected = 0.0
    for layer in ("fc0", "head"):
        grads = np.stack([grads[layer] for grads in found])
        deviation = grads.std(0)
        ratio = np.abs(grads).mean(0)[deviation > 0] / deviation[deviation > 0]
        expected += np.log(ratio.sum())
    assert float(score(batches)) == pytest.approx(expected, rel=1e-12)


def test_equal_batches_score_zero():
    assert score([tiny.batch(), tiny.batch()]) == 0


def test_one_batch_is_refused():
    with pytest.raises(UserError, match="two or more"):
        zico(tiny.apply_of(MODULE), tiny.variables_of(MODULE), [tiny.batch()])
