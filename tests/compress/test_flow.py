"""A program run with numbers of paths."""

import jax
import jax.numpy as jnp
import pytest

from effjax.compress.programs import log_paths, make_program
from effjax.errors import UserError

ONES = {"a": jnp.ones((3, 4)), "b": jnp.ones((4, 2))}


def count(network, weights=ONES, inputs=None):
    inputs = jnp.ones((1, 3)) if inputs is None else inputs
    return float(jnp.exp(log_paths(make_program(network, weights, inputs), weights)))


def test_activations_and_constants_change_nothing():
    def network(w, x):
        return 0.5 * jax.nn.gelu(jax.nn.silu(x @ w["a"] / 7.0) ** 2) @ w["b"]

    assert count(network) == pytest.approx(3 * 4 * 2)


def test_a_mean_is_a_sum_and_a_gate_the_larger_branch():
    def network(w, x):
        y = x @ w["a"]
        return (y * jax.nn.sigmoid(y)).mean() * jnp.ones(1)

    assert count(network) == pytest.approx(3 * 4)


def test_attention_takes_every_token_alike():
    tokens = jnp.ones((5, 3))
    weights = {name: jnp.ones((3, 3)) for name in ("q", "k", "v")}

    def network(w, x):
        scores = jax.nn.softmax((x @ w["q"]) @ (x @ w["k"]).T)
        return scores @ (x @ w["v"])

    assert count(network, weights, tokens) == pytest.approx(5 * 5 * 9)


def test_an_operation_without_a_rule_is_refused():
    with pytest.raises(UserError, match="operation 'sort'"):
        count(lambda w, x: jnp.sort(x @ w["a"]))
