"""How many gradients an accuracy takes on finite sums whose constants are known: measured slopes.

    python benchmarks/theory_claims.py spider svrg hsdmpg adan

Gradients are those of single examples; the accuracy is the squared norm of the whole gradient. A
bound such as n + sqrt(n) / e^2 says how the count grows with the sum's size n and the accuracy e^2.

Shapes: N examples, D dimensions, R rates, S repetitions, T updates.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import hsdmpg as linear_models
from effjax import optim
from effjax.bench.problems import linear, make_problem
from effjax.bench.schema import workload
from effjax.config import View
from effjax.optim import Spider, Svrg
from effjax.optim.finite_sum.hsdmpg import Constants
from effjax.optim.finite_sum.hsdmpg import hsdmpg as descend

Data = dict[str, jax.Array]
Optimizer = optax.GradientTransformation


def slope(x: Any, y: Any) -> float:
    """Of the straight line through (log x, log y)."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def whole_gradient(w: jax.Array, data: Data) -> jax.Array:
    """[D]: the mean gradient of all examples of `data`."""
    errors = data["x"] @ w - data["y"]
    return errors @ data["x"] / len(errors)


def hard_sum(examples: int, seed: int, dim: int = 64, noise: float = 0.0) -> Data:
    """A sum on which |gradient|^2 falls as 1 / t under gradient descent, the slowest that it may.

    Turned, so that its axes are not the coordinates: an adaptive method has no advantage by that.
    """
    model = {"examples": examples, "dim": dim, "condition": 1e4, "noise": noise}
    problem = make_problem(View(workload(problem="hard_sum", model=model, seed=seed)))
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    x = problem.train["x"] @ rotation
    return {"x": jnp.asarray(x, jnp.float32), "y": jnp.asarray(problem.train["y"])}


def variance_reduced(
    data: Data,
    make: Callable[[int], Any],
    rate: float,
    period: int,
    batch_size: int,
    epochs: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """(gradients of single examples so far, |gradient|^2) after each update.

    Args:
      make: period -> estimator.
      period: updates from one gradient of all examples to the next.
    """
    count, dim = data["x"].shape
    estimator = make(period)
    # the whole gradient from D x D numbers, so that looking at it costs nothing
    bend = data["x"].T @ data["x"] / count
    pull = data["y"] @ data["x"] / count

    def moved(w: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
        w = w - rate * v
        g = bend @ w - pull
        return w, g @ g

    def small(carry: Any, key: jax.Array) -> Any:
        w, state = carry
        rows = jax.random.randint(key, (batch_size,), 0, count)
        batch = jax.tree.map(lambda a: a[rows], data)
        v, state = estimator.estimate(whole_gradient, w, state, batch)
        w, square = moved(w, v)
        return (w, state), square

    def epoch(carry: Any, key: jax.Array) -> Any:
        w, state = carry
        v, state = estimator.restart(whole_gradient, w, state, data)
        w, first = moved(w, v)
        keys = jax.random.split(key, period - 1)
        carry, others = jax.lax.scan(small, (w, state), keys)
        return carry, jnp.append(first, others)

    @jax.jit
    def run(keys: jax.Array) -> jax.Array:
        w = jnp.zeros(dim)
        return jax.lax.scan(epoch, (w, estimator.init(w)), keys)[1]

    squares = run(jax.random.split(jax.random.key(seed), epochs))  # [epochs, period]
    # a small batch is seen at two points
    costs = np.full(squares.shape, 2 * batch_size)
    costs[:, 0] = count
    return costs.ravel().cumsum(), np.asarray(squares).ravel()


def first_below(costs: np.ndarray, squares: np.ndarray, level: float) -> float:
    """What it cost until the accuracy was reached; NaN: it never was."""
    below = squares <= level
    return float(costs[below.argmax()]) if below.any() else np.nan


def spider(seeds: list[int]) -> None:
    """SPIDER needs n + sqrt(n) / e^2 gradients to |gradient| <= e: slopes 1/2 in n, -1 in e^2."""
    sizes = (256, 1024, 4096, 16384)
    levels = np.geomspace(3e-2, 1e-3, 6)
    for seed in seeds:
        table = []
        for size in sizes:
            root = round(size**0.5)
            data = hard_sum(size, seed)
            updates = 6000
            found = variance_reduced(data, Spider, 0.8, root, root, updates // root, seed)
            table.append([first_below(*found, level) for level in levels])
        needed = np.array(table)  # [sizes, levels]
        in_accuracy = [slope(levels, row) for row in needed]
        in_size = [slope(sizes, column) for column in needed.T]
        print(
            f"seed {seed}: {needed[:, -1].astype(int).tolist()} gradients to e^2 = {levels[-1]:g} "
            f"for n = {list(sizes)}; slopes in n {in_words(in_size)}, in e^2 "
            f"{in_words(in_accuracy)}",
            flush=True,
        )


def in_words(numbers: list[float]) -> str:
    """The range of some slopes."""
    return f"{min(numbers):.2f} to {max(numbers):.2f}"


def svrg(seeds: list[int]) -> None:
    """SVRG needs about (n + kappa) log(1 / e) gradients, where descent needs n kappa log(1 / e)."""
    for seed in seeds:
        constants = []
        for size in (64, 256, 1024, 4096):
            for condition in (16, 64, 256, 1024):
                needed, kappa = svrg_gradients(size, condition, seed)
                constants.append(needed / (size + kappa))
                print(
                    f"seed {seed}, n {size}, kappa {kappa:.0f}: {needed:.0f} gradients, "
                    f"{constants[-1]:.0f} (n + kappa)",
                    flush=True,
                )
        print(f"seed {seed}: {in_words(constants)} times (n + kappa)")


def svrg_gradients(size: int, condition: int, seed: int) -> tuple[float, float]:
    """(gradients to 1e-8 of the first |gradient|^2, kappa = L of the roughest example / mu)."""
    dim = 8
    model = {"examples": size, "dim": dim, "condition": condition, "noise": 0.1}
    work = View(workload(problem="finite_sum", model=model, seed=seed))
    data = {name: jnp.asarray(a) for name, a in make_problem(work).train.items()}
    roughest = float((data["x"] ** 2).sum(1).max())
    kappa = roughest / linear.constants(work).convexity
    start = whole_gradient(jnp.zeros(dim), data)
    level = 1e-8 * float(start @ start)
    # in the order of n + kappa; a power of 2, so that seeds share their programs
    period = 2 ** round(np.log2((size + kappa) / 2))
    found = variance_reduced(data, Svrg, 0.3 / roughest, period, 1, 60, seed)
    return first_below(*found, level), kappa


def hsdmpg(seeds: list[int]) -> None:
    """HSDMPG reaches the gap 1 / sqrt(n) of ridge regression in n^0.875 gradients or fewer."""
    sizes = (2048, 8192, 32768)
    with jax.enable_x64(True):
        for seed in seeds:
            needed = [hsdmpg_gradients(size, seed) for size in sizes]
            shares = [f"{count / size:.2f}" for count, size in zip(needed, sizes)]
            print(
                f"seed {seed}: {[float(count) for count in needed]} gradients for n = "
                f"{list(sizes)}, passes {', '.join(shares)}; slope in n "
                f"{slope(sizes, needed):.2f}",
                flush=True,
            )


def hsdmpg_gradients(size: int, seed: int) -> float:
    """Gradients until the gap is there; NaN: it never was."""
    problem = linear_models.make_problem("ridge", size)
    constants = Constants(size // 32, size // 32, growth=4.0, inner_epochs=3, steps=8)
    start = jnp.zeros(problem.x.shape[1])
    key = jax.random.key(seed)
    arguments = (problem.loss, problem.mu, constants)
    for progress in descend(problem.x, problem.y, start, *arguments, key=key):
        if problem.gap(progress.w) <= size**-0.5:
            return float(progress.gradients)
    return np.nan


def adan(seeds: list[int]) -> None:
    """Adan needs e^-3.5 stochastic gradients to |gradient| <= e, SGD e^-4; e^-3 if quadratic."""
    methods = {
        "sgd": (optax.sgd, np.geomspace(1e-3, 0.3, 8)),
        "adam": (optax.adam, np.geomspace(1e-4, 0.1, 8)),
        "adan": (optim.adan, np.geomspace(1e-4, 0.1, 8)),
    }
    levels = np.geomspace(1.0, 0.1, 5)
    for seed in seeds:
        data = hard_sum(1024, seed, dim=32, noise=1.0)
        for name, (make, rates) in methods.items():
            squares = stochastic(data, make, rates, seed)  # [R, T / EVERY]
            costs = EVERY * np.arange(1, squares.shape[1] + 1)
            needed = []
            for level in levels:
                needed.append(np.nanmin([first_below(costs, own, level) for own in squares]))
            print(
                f"seed {seed}, {name}: {needed[0]:.0f} to {needed[-1]:.0f} gradients for e^2 = "
                f"{levels[0]:g} to {levels[-1]:g}; slope in e {2 * slope(levels, needed):.2f}",
                flush=True,
            )


EVERY = 20  # updates from one look at the whole gradient to the next
REPETITIONS = 4


def stochastic(
    data: Data,
    make: Callable[[jax.Array], Optimizer],
    rates: np.ndarray,
    seed: int,
    updates: int = 100_000,
) -> np.ndarray:
    """[R, T / EVERY]: the mean |gradient|^2 of all updates so far, which is what bounds are on.

    One example an update; a mean over repetitions too.
    """
    count, dim = data["x"].shape

    def run(rate: jax.Array, key: jax.Array) -> jax.Array:
        optimizer = make(rate)

        def update(carry: Any, key: jax.Array) -> Any:
            w, state = carry
            rows = jax.random.randint(key, (1,), 0, count)
            gradient = whole_gradient(w, jax.tree.map(lambda a: a[rows], data))
            steps, state = optimizer.update(gradient, state, w)
            return (w + steps, state), None

        def some(carry: Any, key: jax.Array) -> Any:
            carry, _ = jax.lax.scan(update, carry, jax.random.split(key, EVERY))
            g = whole_gradient(carry[0], data)
            return carry, g @ g

        w = jnp.zeros(dim)
        keys = jax.random.split(key, updates // EVERY)
        return jax.lax.scan(some, (w, optimizer.init(w)), keys)[1]

    repeated = jax.vmap(run, (None, 0))
    keys = jax.random.split(jax.random.key(seed), REPETITIONS)
    squares = jax.jit(jax.vmap(repeated, (0, None)))(jnp.asarray(rates, jnp.float32), keys)
    own = np.asarray(squares).mean(1)
    return own.cumsum(1) / np.arange(1, own.shape[1] + 1)
