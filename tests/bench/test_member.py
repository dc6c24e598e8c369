"""One trial as pure functions: what is drawn, what is traced, what an optimizer may ask for."""

import jax
import numpy as np
import pytest

from effjax.bench.member import Member, example_order, is_traceable, make_recipe
from tests.bench.configs import DIGITS


def test_order_of_examples():
    order = example_order(10, 4, seed=3, steps=5)
    assert order.shape == (5, 4)
    assert len(set(order[:2].ravel())) == 8  # an epoch repeats nothing
    assert (order[:3] == example_order(10, 4, seed=3, steps=3)).all()
    assert (order != example_order(10, 4, seed=4, steps=5)).any()


def test_no_examples_no_order():
    assert example_order(0, 4, seed=0, steps=3).shape == (3, 0)


def test_what_differs_is_traced():
    settings = [{"learning_rate": 0.1, "b1": 0.9, "weight_decay": w} for w in (0.1, 0.2)]
    recipe = make_recipe("adamw", settings, "cosine", DIGITS)
    assert recipe.traced == ("learning_rate", "weight_decay")
    assert recipe.fixed == {"b1": 0.9}
    assert make_recipe("adamw", settings[:1], "cosine", DIGITS).traced == ("learning_rate",)


def test_what_can_be_traced():
    settings = {"learning_rate": 0.1, "b1": 0.9, "nesterov": True}
    assert is_traceable("adamw", settings, "b1", "cosine", DIGITS)
    assert not is_traceable("adamw", settings, "nesterov", "cosine", DIGITS)


def test_an_optimizer_that_needs_more_says_what(digits):
    settings = {"learning_rate": 0.1, "l2_norm_clip": 1.0, "noise_multiplier": 1.0}
    member = Member(digits, make_recipe("dpsgd", [settings], "cosine", DIGITS))
    if not set(member_needs("dpsgd")) - {"value", "grad", "value_fn", "obj_fn"}:
        pytest.skip("this optimizer has what it needs")
    order = np.zeros((1, 8), np.int32)
    with pytest.raises(ValueError, match="dpsgd needs"):
        jax.eval_shape(
            lambda: member.train(
                member.start(settings, *member.init(0)), settings, 0, digits.train, order, 1
            )
        )


def member_needs(name):
    from effjax import optim

    return optim.optimizer_info(name).needs
