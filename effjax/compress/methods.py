"""Methods that choose masks, by name.

    @METHODS.register("magnitude", "large weights are kept")
    @by_score
    def magnitude(problem, weights): ...

A method is a function (problem, options) -> {path: mask}. Most give every weight a score, of which
`by_score` keeps the largest ones in rounds.
"""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.dpai import dpai_masks
from effjax.compress.masks import insert, ones_like
from effjax.compress.networks import losses_over, path_program, unscanned
from effjax.compress.npb import npb_masks
from effjax.compress.patterns import Pattern, n_of_m
from effjax.compress.phew import phew_masks
from effjax.compress.schedules import round_densities
from effjax.compress.select import Scope, prune
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.optim import parameter_paths
from effjax.registry import Registry
from effjax.search import saliency
from effjax.search.proxies.network import apply_of, as_float64
from effjax.search.proxies.synflow import synflow as flow_through

Weights = Mapping[str, Any]
GRASP_TEMPERATURE = 200.0  # logits are divided by it, as the authors have it
METHODS: Registry = Registry("pruning method", "--config.task.method=package.module:function")


@dataclasses.dataclass(frozen=True)
class Problem:
    """A network that is to be pruned.

    Attributes:
      model, variables: the network, before pruning.
      weights: {path: kernel} of what may be pruned.
      image_shape: [H, W, C].
      batches: () -> (normalised images [B, H, W, C], labels [B]), of which there are a few.
      seed: of what is drawn.
      start: masks that hold already.
    """

    model: ImageModel
    variables: Any
    weights: Weights
    image_shape: tuple[int, int, int]
    batches: Callable[[], Any]
    seed: int = 0
    start: Weights | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What masks are asked for.

    Attributes:
      density: the share of weights that is kept.
      scope: among which weights scores are compared.
      rounds: how often scores are taken; None: as often as the method's authors take them.
      schedule: the densities of the rounds.
      pattern: (N, M): instead of by density and scope, N of every M inputs in one round.
    """

    density: float
    scope: Scope = "global"
    rounds: int | None = None
    schedule: str = "exponential"
    pattern: Pattern | None = None


Method = Callable[[Problem, Wanted], Weights]


def by_score(
    score: Callable[[Problem], Callable[[Weights], Weights]],
    rounds: int = 1,
    wide: bool = False,
) -> Method:
    """The method that keeps the largest scores.

    Args:
      score: problem -> (weights under the present masks -> scores).
      rounds: how often scores are taken where the config does not say.
      wide: whether scores need 64-bit floats; a flow grows with the depth beyond 32.
    """

    def method(
        problem: Problem,
        wanted: Wanted,
    ) -> Weights:
        score_of = jax.jit(score(problem))

        def under(masks: Weights) -> Weights:
            masked = {}
            for path, weight in problem.weights.items():
                masked[path] = weight * jnp.asarray(masks[path], weight.dtype)
            with jax.enable_x64(wide):
                return jax.device_get(score_of(masked))

        start = problem.start or ones_like(problem.weights)
        if wanted.pattern is not None:
            return n_of_m(under(start), wanted.pattern)
        densities = round_densities(wanted.schedule, wanted.density, wanted.rounds or rounds)
        return prune(under, start, densities, wanted.scope)

    method.__module__ = score.__module__
    method.scores = True
    return method


@METHODS.register("random", "drawn")
@by_score
def random(problem: Problem) -> Callable[[Weights], Weights]:
    """Normal scores."""

    def score(weights: Weights) -> Weights:
        found = {}
        for path, weight in weights.items():
            # a key of each layer's own, so that another layer changes nothing here
            key = jax.random.fold_in(jax.random.key(problem.seed), zlib.crc32(path.encode()))
            found[path] = jax.random.normal(key, weight.shape)
        return found

    return score


@METHODS.register("magnitude", "large weights are kept")
@by_score
def magnitude(problem: Problem) -> Callable[[Weights], Weights]:
    """|w|."""
    return lambda weights: jax.tree.map(jnp.abs, dict(weights))


@METHODS.register("snip", "weights whose loss would change the loss most are kept: |w g|")
@by_score
def snip(problem: Problem) -> Callable[[Weights], Weights]:
    """Lee et al. 2019."""
    losses = losses_over(problem.model, problem.variables, problem.batches())
    return lambda weights: saliency.snip(losses, dict(weights))


@METHODS.register("grasp", "weights that keep the gradient large are kept: w (H g)")
@by_score
def grasp(problem: Problem) -> Callable[[Weights], Weights]:
    """Wang et al. 2020."""
    batches = problem.batches()
    losses = losses_over(problem.model, problem.variables, batches, GRASP_TEMPERATURE)
    return lambda weights: saliency.grasp(losses, dict(weights))


@METHODS.register("synflow", "weights that carry flow are kept, in 100 rounds; needs no images")
@functools.partial(by_score, rounds=100, wide=True)
def synflow(problem: Problem) -> Callable[[Weights], Weights]:
    """Tanaka et al. 2020, on the network without norms, its activations the identity."""
    apply = apply_of(unscanned(problem.model))

    def score(weights: Weights) -> Weights:
        params = insert(problem.variables["params"], weights)
        variables = as_float64({**problem.variables, "params": params})
        scores = flow_through(apply, variables, problem.image_shape)
        leaves = jax.tree.leaves(scores, is_leaf=lambda leaf: leaf is None)
        of_path = dict(zip(parameter_paths(params), leaves, strict=True))
        return {path: of_path[path] for path in weights}

    return score


def _shapes(problem: Problem) -> dict[str, tuple[int, ...]]:
    return {path: weight.shape for path, weight in problem.weights.items()}


@METHODS.register("phew", "walks that prefer large weights; layers that follow one another")
def phew(
    problem: Problem,
    wanted: Wanted,
) -> Weights:
    """Patil and Dovrolis 2021."""
    weights = {path: np.asarray(weight) for path, weight in problem.weights.items()}
    return phew_masks(weights, wanted.density, problem.seed)


@METHODS.register("npb", "balance of nodes and paths, ERK densities: an integer programme")
def npb(
    problem: Problem,
    wanted: Wanted,
) -> Weights:
    """Pham et al. 2023."""
    program = path_program(problem.model, problem.variables, problem.image_shape)
    return npb_masks(program, _shapes(problem), wanted.density, problem.seed)


@METHODS.register("dpai", "more paths and nodes by gradient steps, ERK densities")
def dpai(
    problem: Problem,
    wanted: Wanted,
) -> Weights:
    """Xiang et al. 2025."""
    program = path_program(problem.model, problem.variables, problem.image_shape)
    return dpai_masks(program, _shapes(problem), wanted.density, problem.seed)


def make_masks(
    method: str,
    problem: Problem,
    wanted: Wanted,
) -> dict[str, np.ndarray]:
    """Masks of a network, int8.

    Raises:
      UserError: an unknown method, or a network or density that it cannot serve.
    """
    choose = METHODS.find(method)
    if wanted.pattern is not None and not getattr(choose, "scores", False):
        raise UserError(
            f"method {method!r} gives weights no score to choose {wanted.pattern[0]} of every "
            f"{wanted.pattern[1]} by\ngive one that does, such as magnitude"
        )
    found = choose(problem, wanted)
    return {path: np.asarray(mask, np.int8) for path, mask in found.items()}
