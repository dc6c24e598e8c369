"""Noise of which theory says what an optimizer makes of it: variances and exit times.

Each problem has its answer beside it, as a function of the workload and the optimizer's settings.

Shapes: D dimensions or paths.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.bench.problems.base import LossAndState, Metrics, Params, Problem, problem
from effjax.config import View
from effjax.curvature import closed_forms
from effjax.curvature.escape import stable_basin_time, stable_draws

LEFT, RIGHT = 1.0, 2.0  # the basin of `stable_basin` is (-LEFT, RIGHT)

Model = Mapping[str, Any]  # the section `model` of a workload


@problem("noisy_quadratic")
def noisy_quadratic(workload: View, data_dir: str | None) -> Problem:
    """Sum of lambda (x - c)^2 / 2 with targets c of variance 1, drawn anew at every update.

    The loss of an optimizer settles where its variance is: momentum's is larger than SGD's,
    Lookahead's smaller, see `settled_loss`.

    Keys of `model`: dim, condition (lambda lies between 1/condition and 1).
    """
    curvatures = jnp.asarray(curvatures_of(workload.model), jnp.float32)

    def init(key: jax.Array) -> tuple[Params, Any]:
        return {"x": jax.random.normal(key, curvatures.shape)}, {}

    def loss(
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        targets = jax.random.normal(key, curvatures.shape)
        distances = params["x"] - targets
        # a sum, so that every coordinate has its own lambda as its curvature
        value = 0.5 * (curvatures * distances**2).sum()
        return value, model_state

    def evaluate(params: Params, model_state: Any, held_out: Any) -> Metrics:
        values = 0.5 * curvatures * params["x"] ** 2
        return {"val/loss": values.mean()}

    return Problem(init, loss, evaluate, train={}, held_out={})


def settled_loss(
    model: Model,
    rate: float,
    momentum: float = 0.0,
    lookahead: tuple[float, int] | None = None,
) -> float:
    """Where the loss of `noisy_quadratic` settles under SGD.

    Args:
      model: of the workload.
      rate: a constant learning rate.
      momentum: of a heavy ball.
      lookahead: (slow step size, period), without momentum; the loss is that of the slow weights.
    """
    losses = []
    for curvature in curvatures_of(model):
        if lookahead is not None:
            variance = closed_forms.lookahead_variance(curvature, rate, *lookahead)
        else:
            # targets of variance 1 are noise of variance lambda^2 in the gradient
            unit = closed_forms.heavy_ball_variance(curvature, rate, momentum)
            variance = curvature**2 * unit
        losses.append(0.5 * curvature * variance)
    return float(np.mean(losses))


def curvatures_of(model: Model) -> np.ndarray:
    """[D]: from 1 / condition to 1, in equal ratios."""
    return np.geomspace(1.0 / model["condition"], 1.0, model["dim"])


@problem("stable_basin")
def stable_basin(workload: View, data_dir: str | None) -> Problem:
    """x^2 / 2 in the basin (-1, 2) under stable noise: the loss is the share of paths that left.

    A path that has left stays out. Each dimension is a path of its own, from the bottom.

    Keys of `model`: paths, alpha (of the noise, below 2), noise (its scale in a gradient).
    """
    model = workload.model
    paths = model["paths"]
    alpha = model["alpha"]
    scale = model["noise"]

    def has_left(x: jax.Array) -> jax.Array:
        return (x <= -LEFT) | (x >= RIGHT)

    def init(key: jax.Array) -> tuple[Params, Any]:
        params = {"x": jnp.zeros(paths)}
        return params, {"left": jnp.zeros(paths, bool)}

    def loss(
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        x = params["x"]
        left = model_state["left"] | has_left(x)
        tilt = scale * stable_draws(key, alpha, x.shape)
        # a random linear term of value 0 for those inside
        linear = tilt * (x - jax.lax.stop_gradient(x))
        value = 0.5 * x**2 + linear
        inside = jnp.where(left, 0.0, value)
        return inside.sum(), {"left": left}

    def evaluate(params: Params, model_state: Any, held_out: Any) -> Metrics:
        left = model_state["left"] | has_left(params["x"])
        return {"val/loss": left.mean()}

    return Problem(init, loss, evaluate, train={}, held_out={})


def share_left(model: Model, rate: float, updates: int) -> float:
    """The share of paths of `stable_basin` that SGD has lost, for small noise."""
    alpha = model["alpha"]
    # an update of SGD is a step of time `rate`
    scale = model["noise"] * rate ** (1 - 1 / alpha)
    mean_time = stable_basin_time(alpha, scale, LEFT, RIGHT)
    time = rate * updates
    return -math.expm1(-time / mean_time)
