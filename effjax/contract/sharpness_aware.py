"""The gradient at the highest loss nearby: sharpness-aware minimization for any optimizer.

Foret et al.: Sharpness-aware minimization (SAM), ICLR 2021. Kwon et al.: ASAM, ICML 2021.
"""

from collections.abc import Callable, Set
from typing import Any

import jax
import jax.numpy as jnp

from effjax.contract.batch import Params
from effjax.contract.gradient import Gradient
from effjax.curvature.products import at_least_float32
from effjax.curvature.sharpness import perturbed
from effjax.optim import parameter_paths

GradientAt = Callable[[Params], Gradient]


def sharpness_aware(
    gradient_at: GradientAt,
    params: Params,
    rho: float,
    adaptive: bool,
    not_learned: Set[str] = frozenset(),
    over_devices: Callable[[Any], Any] = lambda tree: tree,
) -> Gradient:
    """What `gradient_at(params)` gives, with the gradient taken at the perturbed parameters.

    Loss, metrics and model state are those of `params`: batch statistics move once. Both gradients
    see the same draws.

    Args:
      params: where training is.
      rho, adaptive: see `effjax.curvature.sharpness.perturbation`.
      not_learned: paths of parameters that stay where they are and do not count in the norm.
      over_devices: the mean over devices, so that all climb to the same place.
    """
    here = gradient_at(params)
    grads = only_learned(over_devices(here.grads), not_learned)
    # in float32: a step of length rho is lost in the rounding of bfloat16
    there = gradient_at(perturbed(at_least_float32(params), grads, rho, adaptive))
    return here._replace(grads=there.grads, squares=there.squares)


def mean_over_devices(tree: Any, axis: str | None, weight: jax.Array | float) -> Any:
    """The mean of the devices' means under pmap, each weighed by its valid examples."""
    if axis is None:  # under a mesh arrays are global
        return tree
    total = jax.lax.psum(jnp.asarray(weight, jnp.float32), axis)
    # no device may have a valid example: the means are then zeros, and stay so
    share = weight / jnp.where(total > 0, total, 1.0)
    return jax.tree.map(lambda x: jax.lax.psum(x * share.astype(x.dtype), axis), tree)


def only_learned(grads: Params, not_learned: Set[str]) -> Params:
    """The gradient with zeros where nothing is learned."""
    if not not_learned:
        return grads
    leaves, tree = jax.tree.flatten(grads)
    paths = parameter_paths(grads)
    kept = []
    for path, leaf in zip(paths, leaves, strict=True):
        kept.append(jnp.zeros_like(leaf) if path in not_learned else leaf)
    return tree.unflatten(kept)
