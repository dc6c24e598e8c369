"""The perceptron on digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.bench.problems import make_problem
from effjax.bench.problems.vectors import read_digits
from effjax.bench.schema import workload
from effjax.config import View
from effjax.errors import UserError


def test_parts_of_the_digits_do_not_meet():
    train, held_out = read_digits(360)
    assert train["x"].shape == (1437, 64)
    assert held_out["y"].shape == (360,)
    assert 0.0 <= train["x"].min() <= train["x"].max() == 1.0
    with pytest.raises(UserError, match="1797 digits in all"):
        read_digits(1797)


def test_without_hidden_layers_it_is_logistic_regression():
    problem = make_problem(View(workload(model={"widths": (), "l2": 2.0}, label_smoothing=0.0)))
    params, _ = problem.init(jax.random.key(0))
    assert jax.tree.map(jnp.shape, params) == {"layer0": {"kernel": (64, 10), "bias": (10,)}}
    batch = {name: jnp.asarray(array[:8]) for name, array in problem.train.items()}
    logits = np.asarray(batch["x"] @ params["layer0"]["kernel"])
    own = logits[np.arange(8), batch["y"]]
    by_hand = np.mean(np.log(np.exp(logits).sum(1)) - own)
    penalty = np.sum(np.square(params["layer0"]["kernel"]))
    value, _ = problem.loss(params, {}, batch, None, None)
    assert value == pytest.approx(by_hand + penalty, rel=1e-5)


def test_other_data():
    with pytest.raises(UserError, match="knows data 'digits' only"):
        make_problem(View(workload(data={"name": "mnist"}, model={"widths": (), "l2": 0.0})))
