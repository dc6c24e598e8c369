"""Linear rules whose least squares theory answers: rates of descent, gaps, ridge regression.

Each problem has its answer beside it, as a function of the workload and the optimizer's settings.

Shapes: D dimensions, N examples.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax.bench.problems.base import Arrays, LossAndState, Metrics, Params, Problem, problem
from effjax.bench.problems.known import Model, curvatures_of
from effjax.config import View
from effjax.curvature import closed_forms

HELD_OUT = 4096  # examples of `least_squares`


class Constants(NamedTuple):
    """Of a finite sum: L and mu bound its curvature, sigma^2 is the noise at the minimum."""

    smoothness: float
    convexity: float
    noise: float


@problem("finite_sum")
def finite_sum(workload: View, data_dir: str | None) -> Problem:
    """Least squares over N examples; the loss is the squared norm of the whole gradient.

    Keys of `model`: examples, dim, condition (of the Hessian), noise (of the answers).
    """
    data = _sum_data(workload)

    def evaluate(params: Params, model_state: Any, held_out: Any) -> Metrics:
        errors = _errors(params, held_out)
        gradient = errors @ held_out["x"] / len(errors)
        return {"val/loss": gradient @ gradient}

    return Problem(_start(data), _squares, evaluate, train=data, held_out=data)


@problem("hard_sum")
def hard_sum(workload: View, data_dir: str | None) -> Problem:
    """`finite_sum` with the same part of the loss in each eigenvalue, at the start.

    Gradient descent lets the loss fall as 1 / updates, the slowest that a smooth sum allows, until
    it has done as many as the condition number.
    """
    return finite_sum(workload, data_dir)


def descended(workload: View, rate: float, updates: int) -> float:
    """The loss of `finite_sum` after updates of gradient descent with all examples, exactly."""
    data = _sum_data(workload)
    x = data["x"].astype(float)
    minimum, *_ = np.linalg.lstsq(x, data["y"].astype(float), rcond=None)
    spectrum, basis = np.linalg.eigh(x.T @ x / len(x))
    # every eigenvalue contracts by itself; the start is 0
    distance = (basis.T @ minimum) * (1 - rate * spectrum) ** updates
    return float(((spectrum * distance) ** 2).sum())


def constants(workload: View) -> Constants:
    """The known constants of `finite_sum`."""
    data = _sum_data(workload)
    x = data["x"].astype(float)
    y = data["y"].astype(float)
    spectrum = np.linalg.eigvalsh(x.T @ x / len(x))
    w, *_ = np.linalg.lstsq(x, y, rcond=None)
    errors = x @ w - y
    gradients = errors[:, None] * x  # [N, D]
    squares = (gradients**2).sum(1)
    return Constants(
        smoothness=float(spectrum[-1]),
        convexity=float(spectrum[0]),
        noise=float(squares.mean()),
    )


def _sum_data(workload: View) -> Arrays:
    model = workload.model
    count = model["examples"]
    dim = model["dim"]
    rng = np.random.default_rng(workload.seed)
    directions, _ = np.linalg.qr(rng.standard_normal((count, dim)))  # orthonormal columns
    # the Hessian is x' x / N
    curvatures = curvatures_of(model)
    x = directions * np.sqrt(count * curvatures)
    rule = rng.standard_normal(dim)
    if workload.problem == "hard_sum":
        rule = np.sign(rule) / np.sqrt(curvatures)
    return _answered(x, rule, model["noise"], rng)


def _answered(
    x: np.ndarray,
    rule: np.ndarray,
    noise: float,
    rng: np.random.Generator,
) -> Arrays:
    """Examples [N, D] with the noisy answers of a linear rule [D]."""
    y = x @ rule + noise * rng.standard_normal(len(x))
    return {"x": x.astype(np.float32), "y": y.astype(np.float32)}


@problem("least_squares")
def least_squares(workload: View, data_dir: str | None) -> Problem:
    """Few noisy examples of a linear rule: the loss is that on fresh examples, see `gap`.

    Keys of `model`: examples, dim, noise.
    """
    model = workload.model
    dim = model["dim"]
    rng = np.random.default_rng(workload.seed)
    rule = rng.standard_normal(dim)

    def drawn(count: int) -> Arrays:
        x = rng.standard_normal((count, dim))
        return _answered(x, rule, model["noise"], rng)

    def evaluate(params: Params, model_state: Any, held_out: Any) -> Metrics:
        errors = _errors(params, held_out)
        return {"val/loss": (errors**2).mean()}

    train = drawn(model["examples"])
    return Problem(
        init=_start(train),
        loss=_squares,
        evaluate=evaluate,
        train=train,
        held_out=drawn(HELD_OUT),
    )


def gap(model: Model) -> float:
    """Expected squared error on fresh examples less that on the training ones, at the minimum."""
    train, fresh = closed_forms.least_squares_errors(
        model["examples"], model["dim"], model["noise"]
    )
    return fresh - train


@problem("ridge")
def ridge(workload: View, data_dir: str | None) -> Problem:
    """Ridge regression: the loss is that on fresh answers at the same inputs, see `ridge_errors`.

    Keys of `model`: examples, dim, noise, penalty.
    """
    penalty = workload.model["penalty"]
    train, fresh, _ = _ridge_data(workload)

    def loss(
        params: Params,
        model_state: Any,
        batch: Any,
        key: jax.Array,
        step: jax.Array,
    ) -> LossAndState:
        value, model_state = _squares(params, model_state, batch, key, step)
        return value + 0.5 * penalty * params["w"] @ params["w"], model_state

    def evaluate(params: Params, model_state: Any, held_out: Any) -> Metrics:
        errors = _errors(params, held_out)
        return {"val/loss": (errors**2).mean()}

    return Problem(_start(train), loss, evaluate, train=train, held_out=fresh)


def ridge_errors(workload: View) -> tuple[float, float]:
    """Expected squared error of `ridge` (on its training answers, on fresh ones), over the noise.

    The gap is 2 noise^2 tr(H) / n: each effective parameter costs that much.
    """
    model = workload.model
    train, _, rule = _ridge_data(workload)
    return closed_forms.ridge_errors(
        train["x"].astype(float), rule, model["penalty"], model["noise"]
    )


def _ridge_data(workload: View) -> tuple[Arrays, Arrays, np.ndarray]:
    """(training examples, fresh answers at their inputs, the rule)."""
    model = workload.model
    count = model["examples"]
    rng = np.random.default_rng(workload.seed)
    rule = rng.standard_normal(model["dim"])
    x = rng.standard_normal((count, model["dim"]))
    train = _answered(x, rule, model["noise"], rng)
    again = np.tile(x, (max(1, HELD_OUT // count), 1))
    return train, _answered(again, rule, model["noise"], rng), rule


def _start(data: Arrays) -> Any:
    dim = data["x"].shape[1]

    def init(key: jax.Array) -> tuple[Params, Any]:
        return {"w": jnp.zeros(dim)}, {}

    return init


def _squares(
    params: Params,
    model_state: Any,
    batch: Any,
    key: jax.Array,
    step: jax.Array,
) -> LossAndState:
    errors = _errors(params, batch)
    return 0.5 * (errors**2).mean(), model_state


def _errors(params: Params, data: Any) -> jax.Array:
    """[N]: answers less the true ones."""
    answers = data["x"] @ params["w"]
    return answers - data["y"]
