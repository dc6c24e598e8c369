"""`--what=curvature`: eigenvalues, trace, density; the whole network and block by block."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Subject
from effjax.contract import join_variables
from effjax.curvature.lanczos import Eigenvalues, eigenvalues, lanczos
from effjax.curvature.products import Operator, block_of, gauss_newton, restricted
from effjax.curvature.sharpness import tree_norm
from effjax.curvature.spectrum import Estimate, density, quadrature, signs, traces

TOP = 5
BOTTOM = 2
BLOCK_STEPS = 6  # a block's largest eigenvalue stands out soon
ALL = ""  # beside the names of blocks


def count_passes(subject: Subject, settings: Settings) -> int:
    """Products of `look_at_curvature`, each one pass over the examples, and one gradient."""
    lanczos_runs = 1 + _density_starts(settings) + (make_gauss_newton(subject) is not None)
    of_blocks = BLOCK_STEPS * len(masks_of_blocks(subject.params))
    return 1 + lanczos_runs * settings.steps + settings.draws + of_blocks


def _density_starts(settings: Settings) -> int:
    """Random starts of the density: half of the trace's, since each takes many products."""
    return max(1, settings.draws // 2)


@measure(
    "curvature",
    "eigenvalues, trace and density of the Hessian, whole and by block",
    passes=count_passes,
)
def look_at_curvature(subject: Subject, settings: Settings) -> Found:
    """The Hessian of the mean loss over the examples at the weights of the run."""
    whole = subject.hessian
    key = jax.random.key(settings.seed)
    start, *_ = signs(jax.random.fold_in(key, 1), whole, 1)
    loss, gradient = subject.gradient(subject.params)

    tridiagonal = lanczos(whole, start, settings.steps)
    top = eigenvalues(tridiagonal, TOP)
    bottom = eigenvalues(tridiagonal, BOTTOM, "bottom")

    parts = masks_of_blocks(subject.params)
    draws = signs(jax.random.fold_in(key, 2), whole, settings.draws)
    traced = traces(whole, draws, {ALL: jnp.ones(whole.size, bool), **parts})

    starts = signs(jax.random.fold_in(key, 3), whole, _density_starts(settings))
    nodes = quadrature(whole, starts, settings.steps)
    grid, curve = density(nodes)

    values = {
        "loss": loss,
        "|gradient|": float(tree_norm(gradient)),
        "lambda max": float(top.values[0]),
        "  its residual": float(top.residuals[0]),
        "2 / peak rate": 2 / subject.peak_rate if subject.peak_rate else np.inf,
        "2 / rate now": 2 / subject.rate if subject.rate else np.inf,
        "lambda min": float(bottom.values[0]),
        "trace": traced[ALL].value,
        "  its error": traced[ALL].error,
    }
    psd = make_gauss_newton(subject)
    if psd is not None:
        largest = eigenvalues(lanczos(psd, start, settings.steps), 1)
        values["lambda max, Gauss-Newton"] = float(largest.values[0])
    by_block = look_by_block(subject, parts, start, traced)
    for what in ("lambda max", "trace"):
        for name, own in by_block.items():
            values[f"{what}, {name}"] = own[what]
    curves = {
        "top": top.values.tolist(),
        "top residuals": top.residuals.tolist(),
        "bottom": bottom.values.tolist(),
        "nodes": nodes.nodes.tolist(),
        "weights": nodes.weights.tolist(),
        "grid": grid.tolist(),
        "density": curve.tolist(),
        "by block": by_block,
    }
    return Found(values, curves)


def look_by_block(
    subject: Subject,
    parts: Mapping[str, jax.Array],
    start: jax.Array,
    traced: Mapping[str, Estimate],
) -> dict[str, dict[str, float]]:
    """{block: the numbers of its own part of the Hessian}; its masks and traces are given."""
    by_block: dict[str, dict[str, float]] = {}
    for name, largest in largest_by_block(subject, parts, start).items():
        by_block[name] = {
            "lambda max": float(largest.values[0]),
            "residual": float(largest.residuals[0]),
            "trace": traced[name].value,
            "error": traced[name].error,
            "parameters": int(parts[name].sum()),
        }
    return by_block


def blocks(params: Any) -> list[str]:
    """The first parts of the parameters' paths: the layers and stages of a network."""
    paths = jax.tree_util.tree_flatten_with_path(params)[0]
    names = [jax.tree_util.keystr(path[:1], simple=True) for path, _ in paths]
    return list(dict.fromkeys(names))


def masks_of_blocks(params: Any) -> dict[str, jax.Array]:
    """{block: [M] bool}; empty where the network is one block."""
    names = blocks(params)
    if len(names) < 2:
        return {}
    return {name: block_of(params, _inside(name)) for name in names}


def largest_by_block(
    subject: Subject, parts: Mapping[str, jax.Array], start: jax.Array
) -> dict[str, Eigenvalues]:
    """{block: the largest eigenvalue of its own part of the Hessian, with its residual}."""
    found = {}
    for name, within in parts.items():
        steps = lanczos(restricted(subject.hessian, within), start * within, BLOCK_STEPS)
        found[name] = eigenvalues(steps, 1)
    return found


def _inside(block: str) -> Callable[[str], bool]:
    return lambda path: path.partition("/")[0] == block


def make_gauss_newton(subject: Subject) -> Operator | None:
    """The Gauss-Newton matrix of a classification; None for other tasks."""
    task = subject.setup.task
    if not (hasattr(task, "mixed") and hasattr(task, "losses")):
        return None
    key = jax.random.key(0)

    def outputs(params: Any, pair: Any) -> jax.Array:
        model_state, batch = pair
        images, _ = task.mixed(batch, key)
        return task.model.apply(join_variables(params, model_state), images, train=False)

    def loss(logits: jax.Array, pair: Any) -> jax.Array:
        _, batch = pair
        images, targets = task.mixed(batch, key)
        losses = task.losses(logits, targets, images)
        return (losses * batch["mask"]).sum() / batch["mask"].sum()

    return gauss_newton(outputs, loss, subject.params, subject.pairs())
