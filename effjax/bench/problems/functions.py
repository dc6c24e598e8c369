"""Functions with a known minimum: a quadratic and Rosenbrock's.

Shapes: D dimensions.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.bench.problems.base import LossAndState, Metrics, Params, Problem, problem
from effjax.config import View


@problem("quadratic")
def quadratic(workload: View, data_dir: str | None) -> Problem:
    """1/2 (x - x*)' A (x - x*) with noise in the gradients.

    The eigenvalues of A are spaced evenly in the logarithm from 1/condition to 1; their directions
    and the optimum x* are drawn by the workload's seed.

    Keys of `model`: dim, condition, noise (standard deviation of each coordinate), rotated.
    """
    model = workload.model
    dim = model["dim"]
    rng = np.random.default_rng(workload.seed)
    spectrum = np.geomspace(1.0 / model["condition"], 1.0, dim)
    # unrotated, every coordinate is an eigenvector: easy for methods that scale coordinates
    basis = np.eye(dim)
    if model["rotated"]:
        basis, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    matrix = jnp.asarray((basis * spectrum) @ basis.T, jnp.float32)
    optimum = jnp.asarray(rng.standard_normal(dim), jnp.float32)

    def value(x: jax.Array) -> jax.Array:
        d = x - optimum
        return 0.5 * d @ matrix @ d

    return Function(value, dim, model["noise"]).problem()


@problem("rosenbrock")
def rosenbrock(workload: View, data_dir: str | None) -> Problem:
    """Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, from near the origin.

    Keys of `model`: dim, noise.
    """
    model = workload.model

    def value(x: jax.Array) -> jax.Array:
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    # a start near the origin, where the fourth powers are small
    return Function(value, model["dim"], model["noise"], start=0.1).problem()


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of one vector [D], as the functions of a `Problem`.

    Attributes:
      value: the function.
      dim: D.
      noise: standard deviation of what is added to each coordinate of a gradient.
      start: standard deviation of the first point.
    """

    value: Callable[[jax.Array], jax.Array]
    dim: int
    noise: float
    start: float = 1.0

    def problem(self) -> Problem:
        """Without any data."""
        return Problem(
            init=self.init,
            loss=self.loss,
            evaluate=self.evaluate,
            train={},
            held_out={},
        )

    def init(self, key: jax.Array) -> tuple[Params, Any]:
        """A normal draw."""
        x = self.start * jax.random.normal(key, (self.dim,))
        return {"x": x}, {}

    def loss(
        self,
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        """The value, with a noisy gradient."""
        x = params["x"]
        tilt = self.noise * jax.random.normal(key, x.shape)
        # A random linear term of value 0: it changes the gradient, and not the loss. It comes
        # second, as gradients are summed in this order and rows on disk were made with it.
        return self.value(x) + tilt @ (x - jax.lax.stop_gradient(x)), model_state

    def evaluate(self, params: Params, model_state: Any, held_out: Any) -> Metrics:
        """The value itself: there is nothing to hold out."""
        return {"val/loss": self.value(params["x"])}
