"""Optimizers by name, and plug-ins by their path."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from effjax import optim
from effjax.errors import UserError
from effjax.optim.registry import registry

PLUG_IN = '''
"""An optimizer of one's own."""

import optax

from effjax.optim import register_optimizer
from effjax.ranges import BelowOne


@register_optimizer(paper="none", needs=("value",))
def tenth_sgd(learning_rate: float, momentum: BelowOne = 0.9) -> optax.GradientTransformation:
    """SGD with a tenth of the rate."""
    return optax.sgd(0.1 * learning_rate, momentum)


def plain(learning_rate: float, factor: float = 0.5) -> optax.GradientTransformation:
    """SGD with a factor."""
    return optax.sgd(factor * learning_rate)
'''

PARAMS = {"w": jnp.ones((2, 3))}


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """A module on the user's path, forgotten afterwards."""
    (tmp_path / "my_methods.py").write_text(PLUG_IN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_methods"
    sys.modules.pop("my_methods", None)
    registry().pop("tenth_sgd", None)


def first_update(tx):
    return tx.update(PARAMS, tx.init(PARAMS), PARAMS)[0]["w"]


def test_a_file_of_ones_own_by_its_path(plug_in):
    tx = optim.create(f"{plug_in}:tenth_sgd", 1.0, momentum=0.0, weight_decay=0.5, clip_norm=100.0)
    np.testing.assert_allclose(first_update(tx), -0.1 - 0.5, rtol=1e-6)
    assert optim.extra_arguments(f"{plug_in}:tenth_sgd") == ("value",)
    assert optim.optimizer_info("tenth_sgd").source == plug_in
    with pytest.raises(UserError, match=r"got momentum=2\.0, expected float in"):
        optim.create(f"{plug_in}:tenth_sgd", 1.0, momentum=2.0)


def test_a_function_without_a_decorator_will_do(plug_in):
    tx = optim.create(f"{plug_in}:plain", 1.0, factor=0.25)
    np.testing.assert_allclose(first_update(tx), -0.25)
    assert optim.optimizer_info(f"{plug_in}:plain").line == "SGD with a factor"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "is it on PYTHONPATH"),
        ("math:sqrt", "math is not your own code"),
        ("adann", "did you mean 'adan'"),
    ],
)
def test_what_cannot_be_found_is_answered(name, message):
    with pytest.raises(UserError, match=message):
        optim.create(name, 0.1)


def test_needs_of_a_wrapper_are_those_of_what_it_wraps():
    assert optim.extra_arguments("lookahead", inner="momo") == ("value",)
    assert optim.extra_arguments("adan") == ()
    with pytest.raises(UserError, match=r"'lbfgs' needs grad, value_fn, which .*\ntake one"):
        optim.check_arguments("lbfgs", {}, given=("value",))
    optim.check_arguments("lookahead", {"inner": "momo", "sync_period": 3}, given=("value",))
