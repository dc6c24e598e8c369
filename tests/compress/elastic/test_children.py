"""Sub-networks of a step: without the drops of the largest network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.elastic.children import (
    masked_child,
    smallest_child,
    without_drops,
)
from tests.compress.elastic.conftest import FAMILIES, FAST


def test_only_the_drops_are_left_out():
    fields = {**FAMILIES[FAST], "drop_path_rate": 0.5, "head_dropout": 0.5, "scan": True}
    model = models.create_model(FAST, num_classes=3, **fields)
    wanted = models.create_model(FAST, num_classes=3, **FAMILIES[FAST], drop_path_rate=0.0)
    assert without_drops(model).architecture.head_dropout == 0.0
    assert without_drops(model).architecture == wanted.architecture


@pytest.mark.slow
def test_the_smallest_is_the_same_masked_and_cut_out(filled):
    case = filled(FAST)
    examples = jnp.arange(len(case.images))
    cut = jax.jit(lambda params: smallest_child(
        case.net, params, case.rest, case.ranks, case.images, examples
    ))  # fmt: skip
    masked = jax.jit(lambda params, point: masked_child(
        case.net, params, case.rest, case.ranks, point, case.images, examples
    )[0])  # fmt: skip
    found = masked(case.params, jnp.asarray(case.net.space.smallest))
    np.testing.assert_allclose(found, cut(case.params), atol=1e-12)
