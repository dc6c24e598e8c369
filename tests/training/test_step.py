"""Parameter groups of the default optimizer: factors of the rate, freezing, layers."""

import jax
import numpy as np
import pytest

import effjax
from effjax import UserError
from effjax.contract import Task
from effjax.tasks.run import build
from tests.training.toy import Line, line_config


def after_one_step(**fields):
    """(before, after) of the parameters of the toy line."""
    config = line_config()
    effjax.add_optimizer(config, "default", name="sgd", learning_rate=0.1, **fields)
    config.schedule.name = "constant"
    setup = build(config)
    state = setup.fresh()
    batch = next(setup.source.batches())
    new, _ = jax.jit(setup.step)(state, setup.runner.send(batch))
    return state.params, new.params


def test_factors_and_freezing_by_path():
    before, plain = after_one_step()
    _, changed = after_one_step(lr_scale=(("^w", 0.5), ("^b", 0.0)))
    np.testing.assert_allclose(changed["w"] - before["w"], 0.5 * (plain["w"] - before["w"]), 1e-5)
    np.testing.assert_array_equal(changed["b"], before["b"])


@pytest.mark.parametrize("bias", [1.0, 0.0])
def test_layer_decay_comes_on_top(bias):
    """The head's depth is counted before anything is frozen: without it the factor is the same."""
    before, plain = after_one_step()
    _, changed = after_one_step(lr_scale=(("^w", 0.5), ("^b", bias)), layer_decay=0.7)
    moved = 0.5 * 0.7 * (plain["w"] - before["w"])
    np.testing.assert_allclose(changed["w"] - before["w"], moved, 1e-5)
    np.testing.assert_allclose(changed["b"], plain["b"] if bias else before["b"], rtol=1e-6)


def test_layer_decay_needs_stated_depths(monkeypatch):
    monkeypatch.setattr(Line, "depths", Task.depths)
    with pytest.raises(UserError, match="does not state how deep each parameter is"):
        after_one_step(layer_decay=0.7)


@pytest.mark.parametrize(
    ("rule", "message"), [("kernle", "'kernle' of lr_scale"), ("(", "not a regular expression")]
)
def test_a_rule_that_serves_nothing_is_answered(rule, message):
    with pytest.raises(UserError, match=message):
        after_one_step(lr_scale=((rule, 0.1),))


def test_a_group_is_added_with_all_its_defaults():
    config = effjax.default_config()
    entry = effjax.add_optimizer(config, "critic", name="adam", learning_rate=1e-4, b1=0.5)
    assert config.optim.critic is entry
    assert (entry.name, entry.b1, entry.weight_decay) == ("adam", 0.5, 0.0)
    assert config.optim.default.name == "adan"


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
