"""How far the loss rises near a point: SAM's perturbation, and sharpness measured with it.

Foret et al.: Sharpness-aware minimization (SAM), ICLR 2021. Kwon et al.: ASAM, ICML 2021.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Params = Any
Gradient = Callable[[Params], tuple[float, Params]]  # params -> (loss, its gradient)

SMALLEST = 1e-12  # beside the norm, so that a gradient of 0 moves nothing


def perturbation(params: Params, grads: Params, rho: float, adaptive: bool = False) -> Params:
    """The step to the highest loss nearby, to first order; a tree like `params`.

        e = rho g / |g|                       plain: within |e| <= rho
        e = rho w^2 g / |w g|                 adaptive: within |e / w| <= rho

    The adaptive one is the same whatever the scales of the layers are.
    """
    if adaptive:
        scaled = jax.tree.map(lambda w, g: jnp.abs(w) * g, params, grads)
        steps = jax.tree.map(lambda w, g: w * w * g, params, grads)
    else:
        scaled = grads
        steps = grads
    scale = rho / (tree_norm(scaled) + SMALLEST)
    return jax.tree.map(lambda step: (scale * step).astype(step.dtype), steps)


def perturbed(params: Params, grads: Params, rho: float, adaptive: bool = False) -> Params:
    """`params` after the step of `perturbation`, in their own dtypes."""
    steps = perturbation(params, grads, rho, adaptive)
    return jax.tree.map(lambda w, e: (w + e).astype(w.dtype), params, steps)


def sharpness(
    gradient: Gradient,
    params: Params,
    rho: float,
    key: jax.Array,
    adaptive: bool = False,
    steps: int = 5,
) -> float:
    """max L(w + e) - L(w) over |e| <= rho (adaptive: |e / w| <= rho), by ascent on the sphere.

    One step from w itself finds nothing at a minimum, where the gradient is 0: the ascent begins
    at a random point of the sphere as well, and the larger rise counts. At the minimum of a
    quadratic it tends to rho^2 / 2 times the largest eigenvalue.

    Args:
      gradient: of the mean loss over a fixed set of examples.
      steps: of each ascent.
    """
    base, grads = gradient(params)
    rises: list[float] = []
    for direction in (grads, normal_like(key, params)):
        for _ in range(steps):
            there = perturbed(params, direction, rho, adaptive)
            value, direction = gradient(there)
            rises.append(float(value) - float(base))
    return max(rises)


def normal_like(key: jax.Array, params: Params) -> Params:
    """A standard normal draw of the shapes and dtypes of `params`."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    drawn = []
    for leaf_key, w in zip(keys, leaves):
        drawn.append(jax.random.normal(leaf_key, w.shape, w.dtype))
    return tree.unflatten(drawn)


def tree_norm(tree: Any) -> jax.Array:
    """The Euclidean norm of all leaves together."""
    squares = [jnp.vdot(leaf, leaf).real for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares))
