"""One step as a whole: an update that is left out."""

import jax
import numpy as np
import pytest

import effjax
from effjax.tasks.run import build
from tests.training.toy import line_config


@pytest.mark.parametrize("optimizer", ["sgd", "adan"])
def test_an_update_that_is_left_out_leaves_everything(optimizer):
    config = line_config(nonfinite="skip")
    effjax.add_optimizer(config, "default", name=optimizer)
    setup = build(config)
    batches = setup.source.batches()
    good, bad = next(batches), dict(next(batches))
    bad["y"] = np.full_like(bad["y"], np.inf)
    step = jax.jit(setup.step)
    before, _ = step(setup.fresh(), setup.runner.send(good))
    after, metrics = step(before, setup.runner.send(bad))
    assert (int(after.step), int(after.bad)) == (2, 1)
    assert not np.isfinite(metrics["optim/grad_norm"])
    for part in ("params", "model_state", "opt_state", "ema"):
        jax.tree.map(np.testing.assert_array_equal, getattr(after, part), getattr(before, part))
    again, _ = step(after, setup.runner.send(good))
    assert int(again.bad) == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((again.params, again.ema)))
