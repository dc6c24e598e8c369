"""HSDMPG: hybrid stochastic-deterministic minibatch proximal gradient, for linear predictions.

Zhou, Yuan: Hybrid Stochastic-Deterministic Minibatch Proximal Gradient: Less-Than-Single-Pass
Optimization with Nearly Optimal Generalization, ICML 2020, https://arxiv.org/abs/2009.09835. The
constants of the paper's theory are arguments here.

    F(w) = (1/n) sum l(w.x_i, y_i) + (mu/2) |w|^2            x [n, d], y [n], w [d]
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.finite_sum.estimators import PointState, Svrg


class Loss(NamedTuple):
    """l(a, y) of a prediction a: its derivative in a, and a bound on its second derivative."""

    derivative: Callable[[jax.Array, jax.Array], jax.Array]
    curvature: float


SQUARED = Loss(lambda a, y: a - y, 1.0)  # (a - y)^2 / 2
LOGISTIC = Loss(lambda a, y: -y * jax.nn.sigmoid(-y * a), 0.25)  # log(1 + exp(-y a)), y = 1 or -1


class Constants(NamedTuple):
    """What the theory chooses from n, mu and the condition number.

    Attributes:
        surrogate_size: s, examples of the minibatch whose curvature stands for that of all.
        first_size: examples of the first stochastic gradient; growth: its factor each step, to n.
        proximal: gamma, weight of |w - w_previous|^2 / 2 in each subproblem.
        accuracy: gradient norm to which the first subproblem is solved, relative to the gradient at
            its start; shrink: its factor at each further step.
        inner_rate: step size of SVRG on the subproblem, times the largest curvature of an example.
        inner_epochs: bound on the epochs of SVRG in one subproblem.
        steps: subproblems solved for each quadratic model; with the squared loss, for the run.
    """

    surrogate_size: int
    first_size: int
    growth: float = 2.0
    proximal: float = 0.0
    accuracy: float = 0.1
    shrink: float = 1.0
    inner_rate: float = 0.3
    inner_epochs: int = 20
    steps: int = 8


class HsdmpgProgress(NamedTuple):
    """One subproblem solved: the point, and the example gradients that all have cost so far."""

    w: jax.Array
    gradients: int


class _Model(NamedTuple):
    """Examples of a quadratic model of the loss: derivative slope + curvature (w.x - centre)."""

    x: jax.Array
    slope: jax.Array
    centre: jax.Array


def hsdmpg(
    x: jax.Array,
    y: jax.Array,
    w: jax.Array,
    loss: Loss,
    mu: float,
    constants: Constants,
    *,
    key: jax.Array,
    models: int = 1,
) -> Iterator[HsdmpgProgress]:
    """Minimises F; `models` quadratic models of it in turn (1 is exact for the squared loss).

    For each model Q, at the point where it was made, and for t = 1, 2, ...

        S_t: first_size * growth^t examples, at most n; t counts on through all models
        S: surrogate_size examples, drawn once for each model
        w_t = argmin Q_S(w) + <grad Q_{S_t}(w_{t-1}) - grad Q_S(w_{t-1}), w>
                            + (gamma/2) |w - w_{t-1}|^2         by SVRG over the examples of S

    A model bounds l from above by a parabola with `loss.curvature` at the present predictions.

    Yields:
        `HsdmpgProgress` after each subproblem.

    Raises:
        ValueError: for sizes outside 1..n.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from effjax.optim.finite_sum.hsdmpg import SQUARED, Constants, hsdmpg
        >>> x = jax.random.normal(jax.random.key(0), (200, 3))
        >>> y = x @ jnp.array([1.0, -2.0, 0.5])
        >>> constants = Constants(surrogate_size=50, first_size=50)
        >>> *_, last = hsdmpg(x, y, jnp.zeros(3), SQUARED, 1e-3, constants, key=jax.random.key(1))
        >>> [round(float(value), 1) for value in last.w]
        [1.0, -2.0, 0.5]
    """
    n = len(x)
    for name in ("surrogate_size", "first_size"):
        if not 1 <= getattr(constants, name) <= n:
            raise ValueError(f"hsdmpg needs 1 <= {name} <= {n}, got {getattr(constants, name)}")
    gradients = 0
    for model in range(models):
        first = model * constants.steps
        start = w
        order = jax.random.permutation(jax.random.fold_in(key, model), n)
        surrogate = _modelled(x, y, order[: constants.surrogate_size], start, loss)
        for t in range(first, first + constants.steps):
            size = min(round(constants.first_size * constants.growth**t), n)
            step_key = jax.random.fold_in(key, models + t)
            picked = jax.random.choice(step_key, n, (size,), replace=False)
            batch = _modelled(x, y, picked, start, loss)
            if t > first and loss is not SQUARED:
                gradients += size  # where the model was made; at its first step they are the same
            accuracy = constants.accuracy * constants.shrink**t
            w, inner = _subproblem(
                w, surrogate, batch, loss.curvature, mu, constants, accuracy, step_key
            )
            gradients += size + int(inner)
            yield HsdmpgProgress(w, gradients)


def _modelled(x: jax.Array, y: jax.Array, picked: jax.Array, w: jax.Array, loss: Loss) -> _Model:
    """The quadratic model, made at w, of the picked examples."""
    centre = x[picked] @ w
    return _Model(x[picked], loss.derivative(centre, y[picked]), centre)


def _gradient(w: jax.Array, model: _Model, curvature: float, mu: float) -> jax.Array:
    """Mean gradient [d] of the model's examples, with the penalty."""
    residual = model.slope + curvature * (model.x @ w - model.centre)
    return model.x.T @ residual / len(model.x) + mu * w


@jax.jit(static_argnames=("curvature", "mu", "constants"))
def _subproblem(
    w: jax.Array,
    surrogate: _Model,
    batch: _Model,
    curvature: float,
    mu: float,
    constants: Constants,
    accuracy: float,
    key: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The next point and the example gradients on the surrogate that it took."""
    size = len(surrogate.x)
    start = w
    full = _gradient(start, batch, curvature, mu)
    shift = full - _gradient(start, surrogate, curvature, mu)

    def gradient(w: jax.Array, examples: _Model) -> jax.Array:
        proximal = constants.proximal * (w - start)
        return _gradient(w, examples, curvature, mu) + shift + proximal

    # a bound on the smoothness of one example's subproblem
    largest = curvature * jnp.max(jnp.sum(surrogate.x**2, 1)) + mu + constants.proximal
    tx = optax.sgd(constants.inner_rate / largest)
    svrg = Svrg(size)

    def inner(carry: tuple, key: jax.Array) -> tuple[tuple, None]:
        w, state = carry
        example = jax.tree.map(lambda a: a[jax.random.randint(key, (1,), 0, size)], surrogate)
        v, state = svrg.estimate(gradient, w, state, example)
        updates, _ = tx.update(v, tx.init(w), w)
        return (w + updates, state), None

    def epoch(carry: tuple) -> tuple:
        count, w, anchor = carry
        keys = jax.random.split(jax.random.fold_in(key, count), size)
        (w, _), _ = jax.lax.scan(inner, (w, PointState(w, anchor)), keys)
        return count + 1, w, gradient(w, surrogate)  # at the next anchor, and what is checked

    def unsolved(carry: tuple) -> jax.Array:
        count, _, anchor = carry
        enough = accuracy * jnp.linalg.norm(full)
        return (count < constants.inner_epochs) & (jnp.linalg.norm(anchor) > enough)

    count, w, _ = jax.lax.while_loop(unsolved, epoch, (0, w, full))  # full: the shift makes it so
    return w, size + count * 3 * size  # the shift; an epoch: a pair for each example, and all
