"""Optimizers that want more than gradients."""

import jax
import pytest

import effjax
from effjax import UserError
from effjax.tasks.run import build
from tests.training.toy import line_config


@pytest.mark.parametrize("name", ["polyak_sgd", "momo", "lbfgs"])
def test_optimizers_that_want_the_loss_get_it(name):
    config = line_config()
    config.accumulate = 2
    effjax.add_optimizer(config, "default", name=name, learning_rate=1.0)
    setup = build(config)
    state = setup.fresh()
    batch = setup.runner.send(next(setup.source.batches()))
    step = jax.jit(setup.step)
    losses = []
    for _ in range(3):
        state, metrics = step(state, batch)
        losses.append(float(metrics["train/loss"]))
    assert losses[-1] < losses[0]


def test_an_optimizer_that_wants_more_is_answered():
    config = line_config()
    effjax.add_optimizer(config, "default", name="dpsgd")
    with pytest.raises(UserError, match="needs"):
        build(config)
