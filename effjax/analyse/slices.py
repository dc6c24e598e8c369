"""`--what=slices`: the loss along random directions and the sharpest ones, on lines and planes.

With batch norm the running statistics are recomputed at every point, or the slice would show how
they fail to match the weights.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Pair, Subject
from effjax.contract import Params
from effjax.curvature import slices
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.products import weighted_mean
from effjax.curvature.spectrum import signs

STATISTICS = "batch_stats"
TOP_STEPS = 15  # of Lanczos' iteration, for two directions


def count_passes(subject: Subject, settings: Settings) -> int:
    """Lanczos' iteration, two lines, two planes and the weights themselves."""
    losses = 2 * settings.points + 2 * _side_of_plane(settings) ** 2 + 1
    if STATISTICS not in subject.model_state:
        return TOP_STEPS + losses
    # the statistics of each point take a pass of their own, and their momentum one for all
    return TOP_STEPS + 2 * losses + 1


def _side_of_plane(settings: Settings) -> int:
    """Half the points of a line; odd, so that one of them is the weights themselves."""
    return settings.points // 2 | 1


@measure(
    "slices",
    "the loss along random, filter-normalised directions and the sharpest ones",
    passes=count_passes,
)
def look_along_directions(subject: Subject, settings: Settings) -> Found:
    """A random slice shows the bulk of the directions; the sharpest one hardly enters it."""
    key = jax.random.key(settings.seed)
    first = slices.random_direction(jax.random.fold_in(key, 1), subject.params)
    second = slices.random_direction(jax.random.fold_in(key, 2), subject.params)
    top, *others = [slices.as_long_as(d, first) for d in sharpest(subject, key, 2)]
    loss_at = loss_along(subject)
    places = np.linspace(-1.0, 1.0, settings.points)
    random_line = slices.slice_1d(loss_at, subject.params, first, places)
    top_line = slices.slice_1d(loss_at, subject.params, top, places)
    coarse = np.linspace(-1.0, 1.0, _side_of_plane(settings))
    plane = slices.slice_2d(loss_at, subject.params, (first, second), coarse)
    # one parameter has no second direction
    across = others[0] if others else jax.tree.map(jnp.zeros_like, top)
    sharp_plane = slices.slice_2d(loss_at, subject.params, (top, across), coarse)
    here = loss_at(subject.params)
    values = {
        "loss here": here,
        "loss at 1, random": float(random_line[-1]),
        "loss at 1, sharpest": float(top_line[-1]),
        "largest loss of the random plane": float(plane.max()),
        "largest loss of the sharpest plane": float(sharp_plane.max()),
    }
    curves = {
        "places": places.tolist(),
        "random": random_line.tolist(),
        "sharpest": top_line.tolist(),
        "plane places": coarse.tolist(),
        "plane": plane.tolist(),
        "sharpest plane": sharp_plane.tolist(),
    }
    return Found(values, curves)


def sharpest(subject: Subject, key: jax.Array, count: int) -> list[Params]:
    """Directions of the largest eigenvalues, trees like the parameters, of length 1."""
    start, *_ = signs(key, subject.hessian, 1)
    found = eigenvalues(lanczos(subject.hessian, start, TOP_STEPS), count)
    _, unravel = ravel_pytree(subject.params)
    return [unravel(vector) for vector in found.vectors]


def loss_along(subject: Subject) -> Callable[[Params], float]:
    """params -> mean loss, with batch statistics of these parameters where there are some."""
    if STATISTICS not in subject.model_state:
        return subject.mean_loss
    recomputed = statistics_of(subject)
    return lambda params: subject.mean_loss(params, recomputed(params))


def statistics_of(subject: Subject) -> Callable[[Params], Any]:
    """params -> the model state with the mean of the batches' statistics.

    An update of running statistics is s <- m s + (1 - m) batch: from s = 0 and s = 1 follow m and
    what the batch has, whatever the momentum of a layer is.
    """
    task = subject.setup.task

    @jax.jit
    def after(params: Params, pair: Pair) -> Any:
        model_state, batch = pair
        key = jax.random.key(0)
        _, (changed, _) = task.loss(params, model_state, batch, key, subject.step)
        return changed[STATISTICS]

    def filled(value: float) -> Any:
        statistics = subject.model_state[STATISTICS]
        full = jax.tree.map(lambda s: jnp.full_like(s, value), statistics)
        return {**subject.model_state, STATISTICS: full}

    zeros, ones = filled(0.0), filled(1.0)
    batch, _ = next(iter(subject.examples))
    from_zero = after(subject.params, (zeros, batch))
    from_one = after(subject.params, (ones, batch))
    momentum = jax.tree.map(lambda b, a: b - a, from_one, from_zero)

    def recomputed(params: Params) -> Any:
        mean = weighted_mean(lambda batch: after(params, (zeros, batch)), subject.examples)
        whole = jax.tree.map(lambda s, m: s / (1 - m), mean, momentum)
        return {**subject.model_state, STATISTICS: whole}

    return recomputed
