"""Recomputes the recorded theory cases (`theory.json`, `theory.npz`) with `effjax.curvature`.

    for key, value in compute(spec, inputs, keys): ...

`spec` says sizes and draws; nothing of the answers enters. What a case draws is a function of the
seed and the name of the draw alone.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from effjax import optim
from effjax.curvature import (
    closed_forms,
    escape,
    lanczos,
    noise_scale,
    products,
    sharpness,
    slices,
    spectrum,
    stability,
    tails,
)

Spec = dict[str, Any]
Inputs = dict[str, np.ndarray]
Found = Iterator[tuple[str, Any]]


def compute(spec: Spec, inputs: Inputs, keys: list[str]) -> Found:
    """Yields (key, value) for those of `keys` that this file can compute."""
    wanted = set(keys)
    with jax.enable_x64(True):
        for system, compute_system in SYSTEMS.items():
            asked = {key for key in wanted if key.split("/")[0] == system}
            if asked:
                for key, value in compute_system(Case(spec, system, inputs), asked):
                    if key in asked:
                        yield key, value


class Case:
    """One system of the recording: its settings, and its draws by name."""

    def __init__(self, spec: Spec, name: str, inputs: Inputs):
        self.name = name
        self.seed = spec["seed"]
        self.settings = spec["cases"].get(name, {})
        self.spec = spec
        self.inputs = inputs

    def __getitem__(self, key: str) -> Any:
        return self.settings[key]

    def rng(self, name: str) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, zlib.crc32(name.encode())]))

    def draw(self, name: str, shape: Any) -> np.ndarray:
        """Standard normal, rounded to float32."""
        drawn = self.rng(f"{self.name}/{name}").standard_normal(shape)
        return drawn.astype(np.float32).astype(np.float64)

    def drawn(self, name: str) -> np.ndarray:
        """As `draws` says: factor times a draw."""
        shape, factor = self["draws"][name]
        return factor * self.draw(name, shape)

    def weights(self, scale: float = 1.0) -> dict[str, jax.Array]:
        """{"0.weight": ..., ...} as `fill` of README.md makes them."""
        found = {}
        for name, shape in self["weights"]:
            x = self.rng(name).standard_normal(shape).astype(np.float32)
            if len(shape) >= 2:
                x = x / np.float32(math.sqrt(math.prod(shape[1:])))
            else:
                x = np.float32(0.1) * x
            short = name.removeprefix(f"{self.name}/net/")
            found[short] = jnp.asarray(scale * x.astype(np.float64))
        return found


def network(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Two linear layers in the reference layout (out, in), with tanh between them."""
    hidden = jnp.tanh(x @ params["0.weight"].T + params["0.bias"][None])
    return hidden @ params["2.weight"].T + params["2.bias"][None]


# --- noise -------------------------------------------------------------------------------------


def tail_cases(case: Case, asked: set[str]) -> Found:
    for key in sorted(asked):
        _, kind, *rest = key.split("/")
        if kind.startswith("stable"):
            yield from stable(case, kind.removeprefix("stable"), rest[0], key)
        elif kind.startswith("vector"):
            yield key, vector(case, kind.removeprefix("vector"))
        elif kind.startswith("pooled"):
            yield key, pooled(case, kind.removeprefix("pooled"))
        elif kind.startswith("correlated"):
            yield key, correlated(case, kind.removeprefix("correlated"))


def stable_sample(case: Case, name: str, alpha: str, count: int) -> np.ndarray:
    a = float(alpha)
    rng = case.rng(f"tail/{name}")
    u = np.pi * (rng.random(count) - 0.5)
    w = rng.exponential(size=count)
    if a == 1:
        return np.tan(u)
    return np.sin(a * u) / np.cos(u) ** (1 / a) * (np.cos((1 - a) * u) / w) ** ((1 - a) / a)


def stable(case: Case, alpha: str, what: str, key: str) -> Found:
    n = case["n"]
    x = stable_sample(case, f"stable{alpha}", alpha, n)
    sizes = case.inputs[f"tail/stable{alpha}/block_sizes"].tolist()
    if what == "head":
        yield key, x[:8]
    elif what == "mean_log_abs":
        yield key, np.log(np.abs(x)).mean()
    elif what == "alpha":
        yield key, [tails.tail_index(x, m) for m in sizes]
    elif what == "alpha_rank":
        yield key, [tails.tail_index_by_rank(x, m, n // m // 2) for m in sizes]
    elif what == "spread":
        samples = [
            stable_sample(case, f"rep{alpha}/{r}", alpha, n) for r in range(case["repetitions"])
        ]
        found = np.array([[tails.tail_index(s, m) for m in (20, 100)] for s in samples])
        yield key, np.stack([found.mean(0), found.std(0)])


def vector(case: Case, alpha: str) -> list[float]:
    count = case["n"] // 4
    columns = [stable_sample(case, f"vector{alpha}/{j}", alpha, count) for j in range(3)]
    x = np.stack(columns, -1)
    return [tails.tail_index(x, m) for m in (10, 50)]


def pooled(case: Case, s: str) -> list[float]:
    batches, coordinates = case["P"], case["M"]
    scales = np.exp(float(s) * case.draw(f"scales{s}", [coordinates]))
    x = scales * case.draw(f"noise{s}", [batches, coordinates])
    m = tails.block_size(batches * coordinates)
    expected = 1 / (0.5 + float(s) ** 2 / math.log(m))
    return [
        tails.pooled_index(x - x.mean(0)),
        expected,
        m,
        tails.index_along_batches(x),
        tails.block_size(batches),
    ]


def correlated(case: Case, r: str) -> list[float]:
    batches, coordinates = case["P"], case["M"]
    shared = float(r)
    common = case.draw(f"common{r}", [batches, 1])
    own = case.draw(f"own{r}", [batches, coordinates])
    x = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    m = tails.block_size(batches * coordinates)
    expected = 1 / (0.5 + math.log(1 + (m - 1) * shared) / (2 * math.log(m)))
    return [
        tails.pooled_index(x),
        expected,
        m,
        tails.index_along_batches(x),
        tails.block_size(batches),
    ]


def noise_scale_cases(case: Case, asked: set[str]) -> Found:
    x, y, w = case.drawn("x"), case.drawn("y"), case.drawn("w")
    n, small = case["n"], case["small"]
    gradients = (x @ w - y)[:, None] * x  # [n, d]
    batches = gradients.reshape(n // small, small, -1)
    of_small = (batches.mean(1) ** 2).sum(-1)
    of_all = (gradients.mean(0) ** 2).sum()
    yield "noise_scale/exact", noise_scale.exact_noise_scale(gradients)
    yield "noise_scale/two_batch", noise_scale.noise_scale(of_small, of_all, small, n)
    within = [noise_scale.exact_noise_scale(batch).noise for batch in batches]
    yield "noise_scale/within", within


# --- curvature ---------------------------------------------------------------------------------


class Tanh:
    """The network of `curvature` with its data, its loss and its Hessian."""

    def __init__(self, case: Case):
        self.case = case
        weights = case.weights(case["scale"])
        # by position: a dict would be put into another order
        self.order = case["order"]
        self.params = [weights[name] for name in self.order]
        x = jnp.asarray(case.drawn("x"))
        labels = jnp.asarray(case.inputs["curvature/labels"])
        # in two chunks of unlike size, as a data set comes
        cut = max(1, len(x) // 2 - 3)
        self.chunks = [
            ((x[:cut], labels[:cut]), cut),
            ((x[cut:], labels[cut:]), len(x) - cut),
        ]
        self.compiled = jax.jit(self.loss)
        self.hessian = products.hessian(self.loss, self.params, self.chunks)

    def loss(self, params: list[jax.Array], batch: Any) -> jax.Array:
        x, labels = batch
        logits = network(dict(zip(self.order, params)), x)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)
        return -chosen.mean()

    def value(self, params: list[jax.Array]) -> float:
        return float(
            products.weighted_mean(lambda batch: self.compiled(params, batch), self.chunks)
        )

    def named_draw(self, start: str) -> jax.Array:
        """A draw for each parameter, as one vector."""
        parts = []
        for name, weight in zip(self.order, self.params):
            parts.append(self.case.draw(f"{start}/{name}", weight.shape).ravel())
        return jnp.asarray(np.concatenate(parts))

    def named_signs(self, start: str) -> jax.Array:
        return jnp.where(self.named_draw(start) > 0, 1.0, -1.0)


def curvature_cases(case: Case, asked: set[str]) -> Found:
    net = Tanh(case)
    _, gradient = products.mean_gradient(net.loss, net.params, net.chunks)
    matrix = np.stack([net.hessian.product(row) for row in jnp.eye(net.hessian.size)])
    yield "curvature/params", ravel_pytree(net.params)[0]
    yield "curvature/loss", net.value(net.params)
    yield "curvature/gradient", ravel_pytree(gradient)[0]
    yield "curvature/hessian", matrix
    yield "curvature/eigenvalues", np.linalg.eigvalsh(matrix)
    # 8 directions change no logit but by a shift: 75 distinct eigenvalues, and no more steps
    found = lanczos.lanczos(net.hessian, net.named_draw("eig0"), net.hessian.size)
    ritz = lanczos.eigenvalues(found, net.hessian.size)
    largest = sorted(ritz.values, key=abs, reverse=True)
    yield "curvature/power_tight", largest[: case["power"]["top_n"]]
    draws = [net.named_signs(f"trace{i}") for i in range(case["trace_samples"])]
    yield "curvature/trace_samples", spectrum.trace(net.hessian, draws).samples
    yield from density_cases(case, net)


def density_cases(case: Case, net: Tanh) -> Found:
    slq = case["slq"]
    starts = [net.named_signs(f"slq{r}") for r in range(slq["runs"])]
    found = spectrum.quadrature(net.hessian, starts, slq["steps"])
    yield "curvature/slq_nodes", found.nodes
    yield "curvature/slq_weights", found.weights
    yield "curvature/slq_density", spectrum.density(found, slq["points"], slq["variance"])
    triangle = spectrum.Quadrature(
        np.arange(-1.0, 6.0)[None], np.array([[1, 2, 3, 4, 3, 2, 1]]) / 16
    )
    yield "curvature/kernel_density", spectrum.density(triangle, 101, 0.01)


def slice_cases(case: Case, asked: set[str]) -> Found:
    # the network and data are those of `curvature`
    net = Tanh(Case(case.spec, "curvature", case.inputs))
    drawn = {}
    for letter in "ab":
        parts = []
        for name, weight in zip(net.order, net.params):
            parts.append(jnp.asarray(case.draw(f"{letter}/{name}", weight.shape)))
        drawn[letter] = parts
    for by in ("filter", "layer", "weight"):
        first = slices.scaled_direction(drawn["a"], net.params, by, output_axis=0)
        second = slices.scaled_direction(drawn["b"], net.params, by, output_axis=0)
        yield f"slice/{by}/direction_a", ravel_pytree(first)[0]
        if f"slice/{by}/loss" in asked:
            grid = slices.slice_2d(net.value, net.params, (first, second), case["grid"])
            yield f"slice/{by}/loss", grid
    direction = jnp.asarray(case.drawn("conv"))
    weight = jnp.asarray(case.drawn("conv_weight"))
    yield "slice/conv_filter", slices.scaled_direction(direction, weight, output_axis=0)


# --- theory ------------------------------------------------------------------------------------


def escape_cases(case: Case, asked: set[str]) -> Found:
    scales = case["eps"]

    def well(x: np.ndarray) -> np.ndarray:
        return x**4 / 4 - x**2 / 2

    if "escape/double_well" in asked:
        exact = [escape.mean_exit_time(well, e, -1.0, 0.0, -4.0) for e in scales]
        yield "escape/double_well", [scales, exact, [escape.kramers_time(e) for e in scales]]
    alphas = case.inputs["escape/interval_alpha"].tolist()
    yield (
        "escape/interval",
        [
            [escape.stable_interval_time(a, x) for x in case.inputs["escape/interval_x"]]
            for a in alphas
        ],
    )
    jumps = [a for a in alphas if a < 2]  # Gaussian noise does not jump
    yield "escape/jump_constant", [escape.jump_constant(a) for a in jumps]
    yield (
        "escape/basin",
        [
            [escape.stable_basin_time(a, e, 1.0, 2.0) for e in case.inputs["escape/basin_eps"]]
            for a in jumps
        ],
    )


def quadratic_cases(case: Case, asked: set[str]) -> Found:
    balls = []
    for curvature, rate, momentum in grid_rows(case["grids"]["stationary_variance"]):
        variance = closed_forms.heavy_ball_variance(curvature, rate, momentum)
        balls.append((curvature, rate, momentum, variance))
    yield "quadratic/stationary_variance", balls
    rows = []
    for curvature, rate, share, period in grid_rows(case["grids"]["lookahead"]):
        setting = (curvature, rate, share, period)
        rows.append(
            (
                *setting,
                closed_forms.lookahead_contraction(*setting),
                closed_forms.sgd_variance(curvature, rate),
                closed_forms.lookahead_variance(*setting),
            )
        )
    yield "quadratic/lookahead", rows


def grid_rows(grid: dict[str, list[float]]) -> list[tuple[float, ...]]:
    """Every combination, the first name outermost."""
    mesh = np.meshgrid(*grid.values(), indexing="ij")
    columns = [axis.ravel().tolist() for axis in mesh]
    return list(zip(*columns))


def stability_cases(case: Case, asked: set[str]) -> Found:
    x, y = case.drawn("x"), case.drawn("y")
    neighbour_x, neighbour_y = x.copy(), y.copy()
    neighbour_x[0], neighbour_y[0] = case.drawn("x_new"), case.drawn("y_new")[0]
    batches = [((x, y), (neighbour_x, neighbour_y))] * case["steps"]
    look = case["lookahead"]
    sgd = optax.sgd(case["lr"])
    optimizers = {
        "gd": sgd,
        "lookahead": optim.lookahead(sgd, look["k"], look["alpha"]),
    }
    for name, optimizer in optimizers.items():
        yield f"stability/{name}", ridge_distances(case, optimizer, batches)
    residuals = closed_forms.leave_one_out(x, y, case["reg"])
    yield "stability/leave_one_out", residuals
    yield "stability/train_residual", y - closed_forms.hat_matrix(x, case["reg"]) @ y


def ridge_distances(case: Case, optimizer: Any, batches: list) -> np.ndarray:
    def loss(w: jax.Array, batch: Any) -> jax.Array:
        x, y = batch
        return ((x @ w - y) ** 2).mean() / 2 + case["reg"] * (w @ w) / 2

    @jax.jit
    def update(state: Any, batch: Any) -> Any:
        w, inner = state
        updates, inner = optimizer.update(jax.grad(loss)(w, batch), inner, w)
        return optax.apply_updates(w, updates), inner

    w = jnp.zeros(case["d"])
    return stability.distances(update, lambda state: state[0], (w, optimizer.init(w)), batches)


def sam_cases(case: Case, asked: set[str]) -> Found:
    x, y = jnp.asarray(case.drawn("x")), jnp.asarray(case.drawn("y"))

    def loss(params: Any) -> jax.Array:
        return ((network(params, x) - y) ** 2).mean()

    gradient = jax.jit(jax.value_and_grad(loss))
    for name in ("plain", "adaptive"):
        rho = case[f"rho_{name}"]
        params = case.weights()
        order = list(params)  # jax sorts the names of a dict
        sgd = optax.sgd(case["sgd"]["lr"], case["sgd"]["momentum"])
        state = sgd.init(params)
        rows, losses = [], []
        for _ in range(case["steps"]):
            here, grads = gradient(params)
            there = sharpness.perturbed(params, grads, rho, name == "adaptive")
            above, grads = gradient(there)
            updates, state = sgd.update(grads, state, params)
            params = optax.apply_updates(params, updates)
            rows.append(np.concatenate([np.ravel(params[short]) for short in order]))
            losses.append((float(here), float(above)))
        yield f"sam/{name}/params", np.stack(rows)
        yield f"sam/{name}/losses", losses


SYSTEMS: dict[str, Callable[[Case, set[str]], Found]] = {
    "tail": tail_cases,
    "curvature": curvature_cases,
    "slice": slice_cases,
    "noise_scale": noise_scale_cases,
    "escape": escape_cases,
    "quadratic": quadratic_cases,
    "stability": stability_cases,
    "sam": sam_cases,
}
