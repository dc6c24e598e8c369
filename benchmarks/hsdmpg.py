"""HSDMPG against SGD and SVRG: example gradients to a given accuracy, where the optimum is known.

    python benchmarks/hsdmpg.py [--examples 4096] [--plot runs/hsdmpg.png]

Ridge and logistic regression with features whose scales fall off, mu = 1 / sqrt(n). The accuracy is
(F(w) - F*) / (F(0) - F*); F* is exact, by a linear solve or by Newton's method. Every method has
four settings and is judged by its best one for each accuracy; the median of three seeds counts, and
the curves are those of the setting that is best for all four accuracies together.
Gradients are given in passes over the data (gradients of single examples over n).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from effjax.optim import Svrg, finite_sum
from effjax.optim.finite_sum.hsdmpg import LOGISTIC, SQUARED, Constants, Loss, hsdmpg

D, BATCH, SEEDS, MOST_PASSES = 32, 8, 3, 12.0
RATES = (0.3, 1.0, 3.0, 10.0)  # times 1 / the largest curvature of an example
STYLES = {"SGD": ("tab:gray", ":"), "SVRG": ("tab:blue", "--"), "HSDMPG": ("tab:red", "-")}


class Problem(NamedTuple):
    """x [n, D], y [n], the loss, mu, and the optimum [D]."""

    name: str
    x: jax.Array
    y: jax.Array
    loss: Loss
    mu: float
    best: np.ndarray

    def objective(self, w: np.ndarray) -> float:
        a, y = np.asarray(self.x) @ w, np.asarray(self.y)
        losses = (a - y) ** 2 / 2 if self.name == "ridge" else np.logaddexp(0, -y * a)
        return losses.mean() + self.mu / 2 * w @ w

    def gap(self, w: jax.Array) -> float:
        lowest = self.objective(self.best)
        return (self.objective(np.asarray(w)) - lowest) / (self.objective(np.zeros(D)) - lowest)

    def gradient(self, w: jax.Array, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
        x, y = batch
        return x.T @ self.loss.derivative(x @ w, y) / len(x) + self.mu * w

    @property
    def curvature(self) -> float:
        return float(self.loss.curvature * jnp.max(jnp.sum(self.x**2, 1)) + self.mu)


def make_problem(name: str, n: int) -> Problem:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, D)) * np.geomspace(1.0, 0.1, D)
    a, mu = x @ rng.standard_normal(D), n**-0.5
    best = np.zeros(D)
    if name == "ridge":
        y = a + 0.5 * rng.standard_normal(n)
        best = np.linalg.solve(x.T @ x / n + mu * np.eye(D), x.T @ y / n)
        return Problem(name, jnp.asarray(x), jnp.asarray(y), SQUARED, mu, best)
    y = np.sign(a + 0.5 * rng.standard_normal(n))
    for _ in range(30):
        s = 1 / (1 + np.exp(y * (x @ best)))
        hessian = (x.T * (s * (1 - s))) @ x / n + mu * np.eye(D)
        best -= np.linalg.solve(hessian, -x.T @ (y * s) / n + mu * best)
    return Problem(name, jnp.asarray(x), jnp.asarray(y), LOGISTIC, mu, best)


Points = Iterator[tuple[float, jax.Array]]  # example gradients so far, w


def sgd(problem: Problem, rate: float, seed: int) -> Points:
    """Batches of BATCH with a step size that falls as 1 / t, the theory's choice."""
    n, first = len(problem.x), rate / problem.curvature

    @jax.jit
    def some_steps(w: jax.Array, start: jax.Array) -> jax.Array:
        def step(w: jax.Array, t: jax.Array) -> tuple[jax.Array, None]:
            key = jax.random.fold_in(jax.random.key(seed), t)
            picked = jax.random.randint(key, (BATCH,), 0, n)
            g = problem.gradient(w, (problem.x[picked], problem.y[picked]))
            return w - first / (1 + first * problem.mu * t) * g, None

        return jax.lax.scan(step, w, start + jnp.arange(16))[0]

    w, t = jnp.zeros(D), 0
    while True:
        w, t = some_steps(w, jnp.asarray(t)), t + 16
        yield t * BATCH, w


def svrg(problem: Problem, rate: float, seed: int) -> Points:
    """All gradients, then half a pass of batches of BATCH, and again."""
    data, tx = (problem.x, problem.y), optax.sgd(rate / problem.curvature)
    period = len(problem.x) // (2 * BATCH)
    start, key = jnp.zeros(D), jax.random.key(seed)
    run = finite_sum(problem.gradient, start, data, Svrg(period), tx, key=key, batch_size=BATCH)
    for count, progress in enumerate(run):
        if count % 8 == 0:
            yield progress.gradients, progress.params


def ours(problem: Problem, share: float, seed: int) -> Points:
    """`share`: the surrogate's part of the data."""
    n, logistic = len(problem.x), problem.name == "logistic"
    size = round(share * n)
    constants = Constants(size, size, growth=2.0, inner_epochs=3, steps=1 if logistic else 16)
    start, key = jnp.zeros(D), jax.random.key(seed)
    models = 16 if logistic else 1
    arguments = (problem.loss, problem.mu, constants)
    for progress in hsdmpg(problem.x, problem.y, start, *arguments, key=key, models=models):
        yield progress.gradients, progress.w


METHODS: dict[str, tuple[Callable[..., Points], tuple[float, ...]]] = {
    "SGD": (sgd, RATES),
    "SVRG": (svrg, RATES),
    "HSDMPG": (ours, (1 / 64, 1 / 32, 1 / 16, 1 / 8)),
}


def curve(problem: Problem, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """(passes, gaps) of one run of at most MOST_PASSES, from the start on."""
    rows = [(0.0, 1.0)]
    for gradients, w in points:
        rows.append((gradients / len(problem.x), problem.gap(w)))
        if rows[-1][0] > MOST_PASSES or rows[-1][1] < 1e-9 or not rows[-1][1] < 1e3:
            break
    return tuple(np.array(column) for column in zip(*rows))


def passes_to(accuracy: float, runs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Median over the seeds of the passes after which the gap is that small for good."""

    def first(passes: np.ndarray, gaps: np.ndarray) -> float:
        above = np.flatnonzero(~(gaps <= accuracy))
        return passes[above[-1] + 1] if above[-1] + 1 < len(gaps) else np.inf

    return float(np.median([first(*run) for run in runs]))


def measure(problem: Problem, accuracies: tuple[float, ...], axis: plt.Axes) -> None:
    best_setting = {}
    for name, (method, settings) in METHODS.items():
        all_runs = [
            [curve(problem, method(problem, setting, seed)) for seed in range(SEEDS)]
            for setting in settings
        ]
        needed = np.array([[passes_to(a, runs) for a in accuracies] for runs in all_runs])
        row = needed.min(0)
        cells = " | ".join(f"{p:.2f}" if np.isfinite(p) else f"> {MOST_PASSES:g}" for p in row)
        print(f"| {problem.name} | {name} | {cells} |", flush=True)
        overall = np.where(np.isfinite(needed), needed, 10 * MOST_PASSES).sum(1)
        best_setting[name] = all_runs[int(np.argmin(overall))]
    for name, runs in best_setting.items():
        colour, line = STYLES[name]
        for seed, (passes, gaps) in enumerate(runs):
            label = name if seed == 0 else None
            axis.loglog(passes[1:], gaps[1:], color=colour, ls=line, lw=1.3, label=label)
    axis.axhline(accuracies[0], color="0.8", lw=1, zorder=0)
    axis.text(MOST_PASSES, accuracies[0] * 1.15, "1 / sqrt(n)", ha="right", color="0.4", fontsize=8)
    axis.set(title=f"{problem.name} regression, n = {len(problem.x)}", ylim=(1e-9, 2))
    axis.set(xlabel="example gradients / n", ylabel="(F - F*) / (F(0) - F*)")
    axis.legend(frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=4096)
    parser.add_argument("--plot", type=Path, default=Path("runs/hsdmpg.png"))
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)

    accuracies = (arguments.examples**-0.5, 1e-3, 1e-4, 1e-6)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    print("| problem | method | " + " | ".join(f"gap {a:.1e}" for a in accuracies) + " |")
    print("|" + "---|" * (2 + len(accuracies)))
    for name, axis in zip(("ridge", "logistic"), axes):
        measure(make_problem(name, arguments.examples), accuracies, axis)
    arguments.plot.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.plot, dpi=120)
    print(f"\npassed over the data until the gap stays below; curves: {arguments.plot}")


if __name__ == "__main__":
    main()
