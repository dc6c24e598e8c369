"""Parameter groups of the default optimizer: factors of the rate, freezing, layers."""

import jax
import numpy as np
import pytest

import effjax
from effjax import UserError
from effjax.contract import Task
from effjax.tasks.run import build
from effjax.training.groups import Groups
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


def test_what_is_learned_is_counted():
    groups = Groups({"w": "default", "b": "frozen"}, {}, {})
    assert groups.count_learned({"w": np.zeros((2, 3)), "b": np.zeros(5)}) == 6
