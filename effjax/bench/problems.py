"""What is trained: functions with a known minimum, and networks on arrays that fit in memory.

Shapes: N training examples, B batch, D features, K classes.
"""

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.config import View
from effjax.errors import UserError, nearest

Params = Any
EVAL_BATCH = 512


@dataclass(frozen=True)
class Problem:
    """A thing to minimise, as pure functions.

    Attributes:
      init: key -> (params, model_state).
      loss: (params, model_state, batch, key, step) -> (loss, model_state).
      evaluate: (params, model_state, held_out) -> {"val/loss": ..., ...}, lower is better.
      train, held_out: arrays with a leading axis of examples, as dicts; {} for functions.
      compiled: programs of init and evaluate, which all optimizers share.
    """

    init: Callable[[jax.Array], tuple[Params, Any]]
    loss: Callable[..., tuple[jax.Array, Any]]
    evaluate: Callable[[Params, Any, Any], dict[str, jax.Array]]
    train: Mapping[str, np.ndarray]
    held_out: Mapping[str, np.ndarray]
    compiled: dict[Any, Any] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        """N; 0 for functions."""
        return len(next(iter(self.train.values()))) if self.train else 0

    @property
    def fingerprint(self) -> str:
        """A hash of the data."""
        digest = hashlib.sha256()
        for part in (self.train, self.held_out):
            for name in sorted(part):
                array = np.ascontiguousarray(part[name])
                digest.update(f"{name} {array.dtype} {array.shape}".encode())
                digest.update(array.tobytes())
        return digest.hexdigest()[:16]


# ----------------------------------------------------------------------------------- functions


def quadratic(workload: View, data_dir: str | None) -> Problem:
    """1/2 (x - x*)' A (x - x*) with eigenvalues spaced evenly in the logarithm from 1/condition
    to 1 in directions drawn by the workload's seed; gradients get normal noise.

    Keys of `model`: dim, condition, noise (standard deviation of each coordinate), rotated.
    """
    model = workload.model
    dim, noise = model["dim"], model["noise"]
    rng = np.random.default_rng(workload.seed)
    spectrum = np.geomspace(1.0 / model["condition"], 1.0, dim)
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0] if model["rotated"] else np.eye(dim)
    matrix = jnp.asarray((basis * spectrum) @ basis.T, jnp.float32)
    optimum = jnp.asarray(rng.standard_normal(dim), jnp.float32)

    def value(x: jax.Array) -> jax.Array:
        d = x - optimum
        return 0.5 * d @ matrix @ d

    return _function(value, dim, noise)


def rosenbrock(workload: View, data_dir: str | None) -> Problem:
    """Sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, from near the origin.

    Keys of `model`: dim, noise.
    """
    model = workload.model

    def value(x: jax.Array) -> jax.Array:
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    return _function(value, model["dim"], model["noise"], start=0.1)


def _function(
    value: Callable[[jax.Array], jax.Array], dim: int, noise: float, start: float = 1.0
) -> Problem:
    def init(key: jax.Array) -> tuple[Params, Any]:
        return {"x": start * jax.random.normal(key, (dim,))}, {}

    def loss(
        params: Params, model_state: Any, batch: Any, key: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Any]:
        x = params["x"]
        tilt = noise * jax.random.normal(key, x.shape)
        # a random linear term of value 0: it changes the gradient and not the loss that is shown
        return value(x) + tilt @ (x - jax.lax.stop_gradient(x)), model_state

    def evaluate(params: Params, model_state: Any, held_out: Any) -> dict[str, jax.Array]:
        return {"val/loss": value(params["x"])}

    return Problem(init, loss, evaluate, {}, {})


# ------------------------------------------------------------------------- networks on vectors


def load_digits(workload: View) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """scikit-learn's 1,797 digits as vectors of 64 features in [0, 1], 360 of them held out."""
    from sklearn.datasets import load_digits as digits

    vectors, labels = digits(return_X_y=True)
    x, y = (vectors / 16.0).astype(np.float32), labels.astype(np.int32)
    order = np.random.default_rng(0).permutation(len(y))
    held = workload.data.eval_examples or 360
    train, held_out = order[held:], order[:held]
    return {"x": x[train], "y": y[train]}, {"x": x[held_out], "y": y[held_out]}


def mlp(workload: View, data_dir: str | None) -> Problem:
    """A perceptron with ReLU on the digits' vectors; without hidden layers it is logistic
    regression.

    Keys of `model`: widths of the hidden layers, l2 (times half the squared norm of all weights).
    """
    if workload.data.name != "digits":
        raise UserError(f"problem 'mlp' knows data 'digits' only, got {workload.data.name!r}")
    train, held_out = load_digits(workload)
    sizes = (train["x"].shape[1], *workload.model["widths"], int(train["y"].max()) + 1)
    l2, smoothing = workload.model["l2"], workload.label_smoothing

    def init(key: jax.Array) -> tuple[Params, Any]:
        keys = jax.random.split(key, len(sizes))
        layers = {
            f"layer{i}": {
                "kernel": jax.random.normal(keys[i], (a, b)) * math.sqrt(2.0 / a),
                "bias": jnp.zeros(b),
            }
            for i, (a, b) in enumerate(itertools.pairwise(sizes))
        }
        return layers, {}

    def logits(params: Params, x: jax.Array) -> jax.Array:  # [B, D] -> [B, K]
        for i in range(len(sizes) - 1):
            layer = params[f"layer{i}"]
            x = jax.nn.relu(x) if i else x
            x = x @ layer["kernel"] + layer["bias"][None]
        return x

    def loss(
        params: Params, model_state: Any, batch: Any, key: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, Any]:
        targets = optax.smooth_labels(jax.nn.one_hot(batch["y"], sizes[-1]), smoothing)
        losses = optax.softmax_cross_entropy(logits(params, batch["x"]), targets)
        penalty = 0.5 * l2 * optax.tree.norm(params, squared=True) if l2 else 0.0
        return losses.mean() + penalty, model_state

    def evaluate(params: Params, model_state: Any, held_out: Any) -> dict[str, jax.Array]:
        return classified(logits(params, held_out["x"]), held_out["y"], None)

    return Problem(init, loss, evaluate, train, held_out)


def classified(logits: jax.Array, labels: jax.Array, mask: jax.Array | None) -> dict[str, Any]:
    """Mean loss and error of logits [B, K]; masked examples do not count.

    Ties are errors, and so is whatever is not a number.
    """
    weight = jnp.ones(labels.shape) if mask is None else mask
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    own = jnp.take_along_axis(logits, labels[:, None], -1)
    right = (logits < own).sum(-1) == logits.shape[-1] - 1
    total = weight.sum()
    return {
        "val/loss": (losses * weight).sum() / total,
        "val/error": (~right * weight).sum() / total,
    }


def make_problem(workload: View, data_dir: str | None = None) -> Problem:
    """The problem that a workload describes, its data read.

    Raises:
      UserError: an unknown problem, or keys that it does not have.
    """
    if workload.problem not in PROBLEMS:
        known = nearest(workload.problem, [*PROBLEMS, "recipe"])
        raise UserError(f"unknown problem {workload.problem!r}; {known}")
    try:
        return PROBLEMS[workload.problem](workload, data_dir)
    except KeyError as error:
        raise UserError(f"problem {workload.problem!r} needs {error.args[0]}") from error


def _images(workload: View, data_dir: str | None) -> Problem:
    from effjax.bench.images import images

    return images(workload, data_dir)


PROBLEMS: dict[str, Callable[[View, str | None], Problem]] = {
    "quadratic": quadratic,
    "rosenbrock": rosenbrock,
    "mlp": mlp,
    "images": _images,
}
