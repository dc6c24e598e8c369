"""Where paths meet something."""

import jax
import jax.numpy as jnp
import pytest

from effjax.compress.programs import log_paths, make_program

ONES = {"a": jnp.ones((3, 4)), "b": jnp.ones((3, 4))}


def count(network):
    program = make_program(network, ONES, jnp.ones((1, 3)))
    return float(jnp.exp(log_paths(program, ONES)))


@pytest.mark.parametrize(
    ("network", "paths"),
    [
        (lambda w, x: x @ w["a"] + x @ w["b"], 24),
        (lambda w, x: x @ w["a"] - x @ w["b"], 24),
        (lambda w, x: (x @ w["a"]) * jax.nn.sigmoid(x @ w["b"]), 12),
        (lambda w, x: jnp.concatenate([x @ w["a"], x], axis=-1), 15),
        (lambda w, x: jnp.pad(x @ w["a"], ((0, 0), (1, 1))), 12),
        (lambda w, x: jnp.where(jnp.arange(4) > 1, x @ w["a"], 0.0), 6),
        (lambda w, x: jnp.max(x @ w["a"], -1) / 4, 12),
    ],
)
def test_a_meeting(network, paths):
    assert count(network) == pytest.approx(paths)
