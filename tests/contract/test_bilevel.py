"""A bilevel quadratic: two groups of parameters, two gradients, two updates in a step.

    outer: min over x of f = |y(x) - b|^2 / 2 + rho |x|^2 / 2
    inner: y(x) = argmin over y of g = |y - A x|^2 / 2 + |y|^2 / 2 = A x / 2

so that x = (A'A / 4 + rho I)^-1 A'b / 2. Noise in b has mean zero over every batch.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from tests.contract.toys import BATCH, Toy

A = np.array([[2.0, 0.5], [-0.5, 1.0], [1.0, -1.0]], np.float32)
B = np.array([1.0, -2.0, 0.5], np.float32)
RHO = np.float32(0.1)
SOLUTION = np.linalg.solve(A.T @ A / 4 + RHO * np.eye(2, dtype=np.float32), A.T @ B / 2)


class Bilevel(Toy):
    steps = 300
    optimizers: ClassVar = {
        "inner": {"name": "sgd", "learning_rate": 0.4},
        "outer": {"name": "sgd", "learning_rate": 0.5},
    }

    def draw(self, rng):
        noise = rng.standard_normal((BATCH, 3), np.float32)
        return {"b": B + noise - noise.mean(0)}

    def init(self, rng, batch):
        return {"x": jnp.zeros(2), "y": jax.random.normal(rng, (3,))}, {}

    def groups(self, params):
        return {"x": "outer", "y": "inner"}

    def inner(self, params):
        return (jnp.square(params["y"] - A @ params["x"]) + jnp.square(params["y"])).sum() / 2

    def outer(self, params, b):
        fit = jnp.square(params["y"][None] - b).sum(-1).mean()
        return (fit + RHO * jnp.square(params["x"]).sum()) / 2

    def update(self, state, batch, rng, apply):
        state = apply(state, jax.grad(self.inner)(state.params), only="inner")
        value, f = jax.value_and_grad(self.outer)(state.params, batch["b"])
        g = jax.hessian(self.inner)(state.params)
        adjoint = jnp.linalg.solve(g["y"]["y"], f["y"])
        hypergradient = f | {"x": f["x"] - adjoint @ g["y"]["x"]}
        return apply(state, hypergradient, only="outer"), {"outer": (value, 1.0)}

    def measure(self, params, model_state, rng):
        return {"error": jnp.abs(params["x"] - SOLUTION).max()}


def test_finds_the_closed_form(trained):
    run = trained(Bilevel)
    np.testing.assert_allclose(run.state.params["x"], SOLUTION, atol=1e-5)
    np.testing.assert_allclose(run.state.params["y"], A @ SOLUTION / 2, atol=1e-5)
    assert run.final["val/error"] < 1e-5


def test_every_step_is_inner_then_outer(trained):
    """The path, not only its end: the outer gradient is taken where the inner update has led."""
    run = trained(Bilevel)
    start = run.setup.fresh().params
    x, y = np.asarray(start["x"]), np.asarray(start["y"])
    for row in run.rows[:50]:
        y = y - row["optim/lr_inner"] * (2 * y - A @ x)
        hypergradient = RHO * x + A.T @ (y - B) / 2
        np.testing.assert_allclose(
            row["optim/grad_norm_outer"], np.linalg.norm(hypergradient), rtol=1e-4, atol=1e-6
        )
        x = x - row["optim/lr_outer"] * hypergradient
