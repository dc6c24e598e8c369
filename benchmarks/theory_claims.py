"""Claims of optimization theory, put to the test on problems of seconds.

    python benchmarks/theory_claims.py edge
    python benchmarks/theory_claims.py noise-tails --seeds=0,1,2
    python benchmarks/theory_claims.py sam --runs=FOLDER

Each claim prints one row a seed and what is expected. `--runs` writes the number that it is about
to FOLDER/runs.csv, for `effjax claims`. Networks are perceptrons on scikit-learn's
digits: 1,000 to train on, 797 held out. docs/theory.md has the answers.

Shapes: S seeds, T updates, K snapshots.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

# the files of this folder, also where the script is called by its path
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import theory_slopes
from effjax import optim
from effjax.bench.problems import known, make_problem
from effjax.bench.problems.vectors import Perceptron, read_digits
from effjax.bench.schema import workload
from effjax.config import View
from effjax.curvature import escape as escape_times
from effjax.curvature import tails
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.products import hessian
from effjax.curvature.sharpness import perturbed
from effjax.report.figures import save_figure
from effjax.report.plots import dress, make_styles
from effjax.trials.paired import Result
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import Trial

Params = Any
LossOf = Callable[[Params, Any], jax.Array]
HELD_OUT = 797
BATCH = 50
CLAIMS: dict[str, Callable[[list[int]], None]] = {}
RESULTS: list[Result] = []  # for --runs


def claim(function: Callable[[list[int]], None]) -> Callable[[list[int]], None]:
    """Makes a function known to the command line by its name."""
    CLAIMS[function.__name__.replace("_", "-")] = function
    return function


def note(arm: str, seed: int, value: float) -> None:
    """Keeps the number that a claim is about."""
    RESULTS.append(Result(Trial(variant=arm, seed=seed), value))


def digits() -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """(training, held-out) digits, zero mean."""
    train, held_out = read_digits(HELD_OUT)
    middle = train["x"].mean(0)
    for part in (train, held_out):
        part["x"] = jnp.asarray(part["x"] - middle)
        part["y"] = jnp.asarray(part["y"])
    return train, held_out


NETWORK = Perceptron(sizes=(64, 32, 10), l2=0.0, label_smoothing=0.0)


def cross_entropy(params: Params, batch: Any) -> jax.Array:
    return NETWORK.loss(params, {}, batch, None, None)[0]


def tanh_squares(params: Params, batch: Any) -> jax.Array:
    """Squared error of a smooth network against one-hot labels."""
    first, second = params["layer0"], params["layer1"]
    hidden = jnp.tanh(batch["x"] @ first["kernel"] + first["bias"][None])
    out = hidden @ second["kernel"] + second["bias"][None]
    return ((out - jax.nn.one_hot(batch["y"], 10)) ** 2).sum(-1).mean() / 2


def accuracy(params: Params, batch: Any) -> float:
    return float((NETWORK.logits(params, batch["x"]).argmax(-1) == batch["y"]).mean())


def train_network(
    seed: int,
    optimizer: optax.GradientTransformation,
    updates: int,
    every: int,
    data: dict[str, jax.Array],
    loss: LossOf = cross_entropy,
    batch_size: int | None = BATCH,
    rho: float = 0.0,
) -> list[Params]:
    """Weights as they would be evaluated, after every `every` updates (K of them).

    Args:
      batch_size: None: all examples at once.
      rho: of SAM; 0: plain.
    """
    params, _ = NETWORK.init(jax.random.key(seed))
    key = jax.random.key(1000 + seed)

    def update(carry: Any, number: jax.Array) -> Any:
        params, state = carry
        batch = data
        if batch_size is not None:
            draw = jax.random.fold_in(key, number)
            rows = jax.random.choice(draw, len(data["y"]), (batch_size,), replace=False)
            batch = jax.tree.map(lambda a: a[rows], data)
        grads = jax.grad(loss)(params, batch)
        if rho:
            grads = jax.grad(loss)(perturbed(params, grads, rho), batch)
        steps, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, steps), state), None

    @jax.jit
    def some(carry: Any, first: jax.Array) -> Any:
        return jax.lax.scan(update, carry, first + jnp.arange(every))[0]

    carry = params, optimizer.init(params)
    found = [params]
    for first in range(0, updates, every):
        carry = some(carry, jnp.int32(first))
        found.append(optim.eval_params(*carry))
    return found


def first_at(found: list[Params], data: Any, level: float) -> Params | None:
    """The first snapshot whose training loss is not above `level`."""
    measure = jax.jit(cross_entropy)
    for params in found:
        if float(measure(params, data)) <= level:
            return params
    return None


def top_eigenvalue(loss: LossOf, params: Params, data: Any, steps: int = 30) -> float:
    operator = hessian(loss, params, [(data, 1.0)])
    start = jax.random.normal(jax.random.key(0), (operator.size,))
    return float(eigenvalues(lanczos(operator, start, steps), 1).values[0])


@claim
def edge(seeds: list[int]) -> None:
    """Full-batch descent on squared loss: lambda max settles at 1.0 to 1.15 times 2 / rate."""
    train, _ = digits()
    for rate in (0.4, 0.6, 0.8):
        for seed in seeds:
            found = train_network(
                seed, optax.sgd(rate), 4000, 1000, train, tanh_squares, batch_size=None
            )
            ratios = [top_eigenvalue(tanh_squares, p, train) * rate / 2 for p in found]
            shown = "  ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"rate {rate}, seed {seed}: lambda max * rate / 2 every 1000 updates: {shown}")


@claim
def sam(seeds: list[int]) -> None:
    """SAM's minimum is flatter at equal loss (0.1), and no better on held-out digits."""
    train, held_out = digits()
    for seed in seeds:
        for rho in (0.0, 0.05, 0.2, 1.0):
            found = train_network(seed, optax.sgd(0.1), 3000, 25, train, rho=rho)
            top = show_minimum(f"seed {seed}, rho {rho}", found, train, held_out)
            note(f"rho {rho}", seed, top)


@claim
def lookahead(seeds: list[int]) -> None:
    """Lookahead's minimum is flatter than SGD's and its gap smaller, at equal loss (0.1)."""
    train, held_out = digits()
    sgd = optax.sgd(0.1, momentum=0.9)
    optimizers = {"sgd": sgd, "lookahead": optim.lookahead(sgd, 5, 0.5)}
    for seed in seeds:
        for name, optimizer in optimizers.items():
            found = train_network(seed, optimizer, 1000, 5, train)
            note(name, seed, show_minimum(f"seed {seed}, {name}", found, train, held_out))


@claim
def neighbours(seeds: list[int]) -> None:
    """Two trainings that differ in one example stay closer under Lookahead than under SGD."""
    train, held_out = digits()
    other = jax.tree.map(lambda a, b: a.at[0].set(b[0]), train, held_out)
    sgd = optax.sgd(0.1, momentum=0.9)
    optimizers = {"sgd": sgd, "lookahead": optim.lookahead(sgd, 5, 0.5)}
    measure = jax.jit(cross_entropy)
    for seed in seeds:
        for name, optimizer in optimizers.items():
            ours = train_network(seed, optimizer, 1000, 5, train)
            theirs = train_network(seed, optimizer, 1000, 5, other)
            losses = [float(measure(params, train)) for params in ours]
            equal = next(k for k, loss in enumerate(losses) if loss <= 0.1)
            apart = [distance(ours[k], theirs[k]) for k in (equal, len(ours) - 1)]
            print(
                f"seed {seed}, {name}: distance {apart[0]:.4f} at loss {losses[equal]:.3f} (update "
                f"{5 * equal}), {apart[1]:.4f} at loss {losses[-1]:.4f} (update 1000)"
            )


def distance(first: Params, second: Params) -> float:
    return float(optax.tree.norm(jax.tree.map(jnp.subtract, first, second)))


def show_minimum(name: str, found: list[Params], train: Any, held_out: Any) -> float:
    """Curvature, gap and accuracy of the first weights with a training loss of 0.1.

    Returns:
      The largest eigenvalue; NaN if the loss never came so far.
    """
    params = first_at(found, train, 0.1)
    if params is None:
        print(f"{name}: never reached a training loss of 0.1")
        return math.nan
    top = top_eigenvalue(cross_entropy, params, train)
    here = float(cross_entropy(params, train))
    gap = float(cross_entropy(params, held_out)) - here
    right = accuracy(params, held_out)
    print(f"{name}: loss {here:.3f}  lambda max {top:.2f}  gap {gap:.4f}  held-out {right:.3f}")
    return top


def noise_of(params: Params, data: Any, seed: int, count: int = 100) -> np.ndarray:
    """[P, M] centred gradients of independent minibatches, dead coordinates left out."""

    @jax.jit
    def gradient(number: jax.Array) -> jax.Array:
        draw = jax.random.fold_in(jax.random.key(seed), number)
        rows = jax.random.choice(draw, len(data["y"]), (BATCH,), replace=False)
        batch = jax.tree.map(lambda a: a[rows], data)
        return ravel_pytree(jax.grad(cross_entropy)(params, batch))[0]

    gradients = np.stack([gradient(number) for number in range(count)])
    alive = gradients[:, tails.alive_coordinates(gradients)]
    return alive - alive.mean(0)


def in_words(found: tails.Tails) -> str:
    return f"{found.measured:.2f} (control {found.control:.2f} +- {found.control_error:.2f})"


@claim
def noise_tails(seeds: list[int]) -> None:
    """SGD's gradient noise has heavier tails than Adam's: published index, beside its control."""
    train, _ = digits()
    optimizers = {"sgd": optax.sgd(0.05, momentum=0.9), "adam": optax.adam(1e-3)}
    for seed in seeds:
        for name, optimizer in optimizers.items():
            found = train_network(seed, optimizer, 800, 200, train)
            for number in (0, 1, 4):
                noise = noise_of(found[number], train, seed)
                rng = np.random.default_rng(seed)
                pooled = tails.with_control(noise, "pooled", rng)
                along = tails.with_control(noise, "along batches", rng)
                kurtosis = tails.kurtosis_along_batches(noise)
                print(
                    f"seed {seed}, {name}, update {200 * number}: pooled {in_words(pooled)}  "
                    f"along batches {in_words(along)}  kurtosis {kurtosis:.1f}"
                )
            # of the last weights, whose noise the claim is about
            note(name, seed, pooled.measured)


@claim
def escape(seeds: list[int]) -> None:
    """Under stable noise Adam stays longer in a sharp basin than SGD of equal spread."""
    model = {"paths": 4000, "alpha": 1.2, "noise": 0.1}
    problem = make_problem(View(workload(problem="stable_basin", model=model)))
    optimizers = {"sgd": optax.sgd, "adam": optax.adam}
    rates = {"sgd": (0.025, 0.05, 0.1), "adam": (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)}
    for seed in seeds:
        for name, make in optimizers.items():
            for rate in rates[name]:
                spread, share = stay(problem, make(rate), seed, 1000)
                theory = ""
                if name == "sgd":
                    theory = f"  (theory {known.share_left(model, rate, 1000):.3f})"
                print(
                    f"seed {seed}, {name} {rate}: spread of those inside {spread:.3f}, "
                    f"share left after 1000 updates {share:.3f}{theory}"
                )


def stay(
    problem: Any, optimizer: optax.GradientTransformation, seed: int, updates: int
) -> tuple[float, float]:
    """(half the distance of the quartiles of the paths inside, the share that left)."""
    params, state = problem.init(jax.random.key(seed))
    key = jax.random.key(100 + seed)

    def update(carry: Any, number: jax.Array) -> Any:
        params, model_state, state = carry
        (_, model_state), grads = jax.value_and_grad(problem.loss, has_aux=True)(
            params, model_state, {}, jax.random.fold_in(key, number), number
        )
        steps, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, steps), model_state, state), None

    @jax.jit
    def run(carry: Any) -> Any:
        return jax.lax.scan(update, carry, jnp.arange(updates))[0]

    params, state, _ = run((params, state, optimizer.init(params)))
    left = np.asarray(state["left"]) | (np.asarray(params["x"]) <= -1)
    left |= np.asarray(params["x"]) >= 2
    low, high = np.quantile(np.asarray(params["x"])[~left], (0.25, 0.75))
    return float(high - low) / 2, float(left.mean())


@claim
def exit_times(seeds: list[int]) -> None:
    """Stable noise: times are a power of the noise; Brownian noise: exponential. With a picture."""
    scales = {"stable": (0.05, 0.1, 0.2), "Brownian": (0.1, 0.15, 0.25)}
    rows = []
    for seed in seeds:
        for alpha in (1.2, 1.5):
            for scale in scales["stable"]:
                expected = escape_times.stable_basin_time(alpha, scale, 1.0, 2.0)
                found = stable_exits(alpha, scale, seed)
                rows.append((f"stable, alpha {alpha}", scale, found.mean, found.error, expected))
        for scale in scales["Brownian"]:
            expected = escape_times.mean_exit_time(double_well, scale, -1.0, 0.0, -4.0)
            found = brownian_exits(scale, seed)
            rows.append(("Brownian, double well", scale, found.mean, found.error, expected))
        for kind, scale, mean, error, expected in rows[-9:]:
            shown = f"{mean:.2f} +- {error:.2f}, theory {expected:.2f}"
            print(f"seed {seed}, {kind}, noise {scale}: {shown}", flush=True)
    draw_exit_times(rows)


def double_well(x: np.ndarray) -> np.ndarray:
    return x**4 / 4 - x**2 / 2


def stable_exits(alpha: float, scale: float, seed: int) -> escape_times.Exits:
    dt = 0.02

    def noise(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return scale * dt ** (1 / alpha) * escape_times.stable_draws(key, alpha, shape)

    return escape_times.simulate_exits(
        jnp.negative, noise, jax.random.key(seed), 0.0, -1.0, 2.0, dt, 30_000, paths=1000
    )


def brownian_exits(scale: float, seed: int) -> escape_times.Exits:
    dt = 0.01
    size = (2 * scale * dt) ** 0.5

    def noise(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        return size * jax.random.normal(key, shape)

    # a path of steps crosses late: the exit moves in by 0.58 steps of noise
    end = -0.5826 * size
    return escape_times.simulate_exits(
        lambda x: x - x**3, noise, jax.random.key(seed), -1.0, -9.0, end, dt, 30_000, paths=1000
    )


def draw_exit_times(rows: list[tuple[str, float, float, float, float]]) -> None:
    """Simulated times as dots, theory as lines, into docs/pictures/exit_times.png."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    kinds = list(dict.fromkeys(kind for kind, *_ in rows))
    styles = make_styles(kinds)
    for kind in kinds:
        own = sorted(row[1:] for row in rows if row[0] == kind)
        scales, means, _, expected = zip(*own)
        colour = styles[kind].colour
        axes.plot(scales, expected, color=colour, lw=1.2)
        axes.plot(scales, means, "o", color=colour, ms=4, label=kind)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([0.05, 0.1, 0.15, 0.2, 0.25], ["0.05", "0.1", "0.15", "0.2", "0.25"])
    axes.set_xticks([], minor=True)
    axes.set_yticks([5, 10, 30, 100, 300], ["5", "10", "30", "100", "300"])
    dress(axes, "mean time to leave a basin: dots simulated, lines theory", "noise", "time")
    axes.legend(fontsize=8, frameon=False)
    save_figure(figure, Path("docs/pictures/exit_times.png"), dpi=130)


@claim
def win(seeds: list[int]) -> None:
    """Win needs fewer full gradients than its base on a strongly convex sum."""
    model = {"examples": 256, "dim": 32, "condition": 100.0, "noise": 0.1}
    bases = {
        "sgd": (optax.sgd, (0.5, 1.0, 1.9)),
        "sgd_win": (lambda rate: optim.create("sgd_win", rate), (0.1, 0.2, 0.5, 1.0)),
        "adam": (optax.adam, (0.01, 0.03, 0.1, 0.3)),
        "adam_win": (lambda rate: optim.create("adam_win", rate), (0.003, 0.01, 0.03, 0.1)),
    }
    for seed in seeds:
        problem = make_problem(View(workload(problem="finite_sum", model=model, seed=seed)))
        for name, (make, rates) in bases.items():
            needed = gradients_to(problem, make, rates, 1e-8)
            best = int(np.argmin(needed))
            print(f"seed {seed}, {name}: {needed[best]} gradients at its best rate {rates[best]}")


def gradients_to(
    problem: Any,
    make: Callable[[jax.Array], optax.GradientTransformation],
    rates: tuple[float, ...],
    level: float,
) -> np.ndarray:
    """Full gradients until the gradient's squared norm is below a level, by rate; 3001: never."""
    start, _ = problem.init(None)
    data = jax.tree.map(jnp.asarray, problem.train)

    def run(rate: jax.Array) -> jax.Array:
        optimizer = make(rate)

        def update(carry: Any, number: jax.Array) -> Any:
            params, state = carry
            grads = jax.grad(lambda p: problem.loss(p, {}, data, None, None)[0])(params)
            steps, state = optimizer.update(grads, state, params)
            params = optax.apply_updates(params, steps)
            evaluated = optim.eval_params(params, state)
            return (params, state), problem.evaluate(evaluated, {}, data)["val/loss"]

        return jax.lax.scan(update, (start, optimizer.init(start)), jnp.arange(3000))[1]

    squares = np.asarray(jax.jit(jax.vmap(run))(jnp.array(rates)))  # [rates, 3000]
    below = squares <= level
    return np.where(below.any(1), below.argmax(1) + 1, 3001)


for slopes in (
    theory_slopes.spider,
    theory_slopes.svrg,
    theory_slopes.hsdmpg,
    theory_slopes.adan,
):
    claim(slopes)


def main() -> None:
    """Tests the claims that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("claims", nargs="+", choices=sorted(CLAIMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--runs", type=Path, help="a folder for runs.csv, of one claim")
    args = parser.parse_args()
    seeds = [int(seed) for seed in args.seeds.split(",")]
    for name in args.claims:
        began = time.process_time()
        print(f"{name}: {CLAIMS[name].__doc__}")
        CLAIMS[name](seeds)
        print(f"{name}: {time.process_time() - began:.0f} core-seconds", flush=True)
    if args.runs is not None:
        args.runs.mkdir(parents=True, exist_ok=True)
        write_runs(args.runs, args.claims[0], RESULTS)


if __name__ == "__main__":
    main()
