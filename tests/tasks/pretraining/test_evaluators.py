import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.tasks.pretraining.contrast.task import Contrast
from tests.tasks.pretraining.conftest import tiny_config


@pytest.fixture(scope="module")
def measured(contrast):
    """The values of two evaluations, of which the second has collapsed."""
    _, params, state, _ = contrast
    task = Contrast(View(tiny_config()))
    evaluator = task.evaluators(task.config)["val"]

    def measure(params):
        variables = {"params": params, **state}
        return dict(evaluator(variables, jax.random.key(0), evaluator.source.batches()))

    return measure(params), measure(jax.tree.map(jnp.zeros_like, params))


def test_an_encoder_is_shown_beside_an_untrained_one_and_pixels(measured):
    first, second = measured
    names = {"knn_top1", "probe_top1", "rank", "cosine"}
    prefixes = ("", "untrained_", "pixels_")
    assert set(first) == {prefix + name for prefix in prefixes for name in names}
    assert all(np.isfinite(value) for value in first.values())
    # baselines are measured once
    for name in first:
        if name.startswith(prefixes[1:]):
            assert first[name] == second[name]


def test_collapse_is_seen(measured):
    first, second = measured
    assert first["rank"] > 1.5
    assert second["rank"] == pytest.approx(1.0)
    assert second["knn_top1"] <= 0.7
