"""A quadratic bilevel problem in closed form, alone and through the real loop.

    train: (w - 2 alpha)^2 / 2      held out: (w - alpha - 1)^2 / 2

One step of size eta makes w' = w - eta (w - 2 alpha), so that

    d held_out(w', alpha) / d alpha = (w' - alpha - 1) (2 eta - 1)

At the optimum w = 2 alpha and w' = alpha + 1: alpha = 1, w = 2. The first order goes elsewhere:
d held_out / d alpha = -(w - alpha - 1) vanishes there too, but repels.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import depthwise_conv
from effjax.search.cells import hypergradient
from tests.contract.conftest import compiled_once, trained  # noqa: F401
from tests.contract.toys import BATCH, Toy

RATE = 0.1


def train(weights, alphas):
    return jnp.square(weights["w"] - 2 * alphas["a"]).sum() / 2


def held_out(weights, alphas):
    return jnp.square(weights["w"] - alphas["a"] - 1).sum() / 2


@pytest.mark.parametrize(
    "rule",
    [hypergradient.exact, hypergradient.unrolled, hypergradient.finite_difference],
    ids=["exact", "unrolled", "difference"],
)
def test_all_second_orders_are_the_closed_form(rule):
    weights, alphas = {"w": jnp.array([0.3, -1.0])}, {"a": jnp.array([0.7, 0.2])}

    def step(grads):
        return {"w": weights["w"] - RATE * grads["w"]}

    found = rule(train, held_out, step, weights, alphas)
    moved = weights["w"] - RATE * (weights["w"] - 2 * alphas["a"])
    difference = moved - alphas["a"] - 1
    assert found.value == pytest.approx(float(jnp.square(difference).sum() / 2))
    # what a difference of two gradients leaves of single precision
    np.testing.assert_allclose(found.grads["a"], difference * (2 * RATE - 1), rtol=2e-3)


def test_the_exact_one_goes_through_operations_with_a_gradient_of_their_own():
    """A depthwise convolution that meets its alpha only behind it."""
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 2))
    weights = {"w": jax.random.normal(jax.random.key(1), (3, 3, 1, 2))}
    alphas = {"a": jnp.array([0.7])}

    def loss(weights, alphas):
        y = depthwise_conv(x, weights["w"])
        return jnp.square(alphas["a"][0] * y - 1).mean()

    def step(grads):
        return {"w": weights["w"] - RATE * grads["w"]}

    found = hypergradient.exact(loss, loss, step, weights, alphas)
    wanted = hypergradient.unrolled(loss, loss, step, weights, alphas)
    np.testing.assert_allclose(found.grads["a"], wanted.grads["a"], rtol=1e-4)


def test_the_first_order_takes_the_weights_as_they_are():
    weights, alphas = {"w": jnp.array([0.3])}, {"a": jnp.array([0.7])}
    found = hypergradient.first_order(held_out, weights, alphas)
    np.testing.assert_allclose(found.grads["a"], -(0.3 - 0.7 - 1), rtol=1e-6)


class Quadratic(Toy):
    """The same with the loop's own optimizer as the step: SGD with momentum and a large step."""

    steps = 300
    optimizers: ClassVar = {
        "default": {"name": "sgd", "learning_rate": 0.8},
        "alphas": {"name": "sgd", "learning_rate": 0.3},
    }

    def draw(self, rng):
        return {"x": np.zeros((BATCH, 1), np.float32)}

    def init(self, rng, batch):
        return {"network": {"w": jnp.zeros(2)}, "alphas": {"a": jnp.array([0.2, 3.0])}}, {}

    def groups(self, params):
        return {"network": {"w": "default"}, "alphas": {"a": "alphas"}}

    def update(self, state, batch, rng, apply):
        network, alphas = state.params["network"], state.params["alphas"]

        def step(grads):
            given = {"network": grads, "alphas": jax.tree.map(jnp.zeros_like, alphas)}
            return apply(state, given, only="default").params["network"]

        found = hypergradient.exact(train, held_out, step, network, alphas)
        given = {"network": jax.tree.map(jnp.zeros_like, network), "alphas": found.grads}
        state = apply(state, given, only="alphas")
        grads = jax.grad(train)(network, state.params["alphas"])
        state = apply(state, {"network": grads, "alphas": found.grads}, only="default")
        return state, {"held_out": (found.value, 1.0)}

    def measure(self, params, model_state, rng):
        return {"error": jnp.abs(params["alphas"]["a"] - 1).max()}


def test_the_loop_finds_the_optimum(trained):  # noqa: F811
    run = trained(Quadratic)
    np.testing.assert_allclose(run.state.params["alphas"]["a"], 1, atol=1e-3)
    np.testing.assert_allclose(run.state.params["network"]["w"], 2, atol=2e-3)


def test_the_first_hypergradient_of_the_loop_is_the_closed_form(trained):  # noqa: F811
    row = trained(Quadratic).rows[0]
    rate, a = row["optim/lr"], np.array([0.2, 3.0])
    moved = rate * 2 * a
    wanted = (moved - a - 1) * (2 * rate - 1)
    assert row["optim/grad_norm_alphas"] == pytest.approx(np.linalg.norm(wanted), rel=1e-4)
