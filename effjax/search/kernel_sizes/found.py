"""From the end of a search to a network: odd sizes, their cost, the architecture, the weights.

Shapes: S sizes, I J taps of a site's largest window, C channels.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from effjax import models
from effjax.contract import Params
from effjax.errors import UserError
from effjax.search.kernel_sizes.discretise import energy_sizes, repair, ring_energies
from effjax.search.kernel_sizes.masks import nearest_odd, outer_odd, ramp
from effjax.search.kernel_sizes.sites import Sizes
from effjax.search.kernel_sizes.supernet import Supernet


@dataclasses.dataclass(frozen=True)
class Found:
    """A network that a search has found for one budget.

    Attributes:
      budget, cost: in the unit of the search; `cost` is exact.
      soft: real-valued sizes [S].
      ruled: odd sizes by the rule alone.
      sizes: odd sizes, brought to the budget.
      model, variables: the network with these sizes, and its weights from the search.
      kernels: the masked kernel of each size [I, J] (of each site), averaged over channels.
    """

    budget: float
    cost: float
    soft: np.ndarray
    ruled: list[int]
    sizes: list[int]
    model: models.ImageModel
    variables: dict[str, Any]
    kernels: list[np.ndarray]


def found_for(
    net: Supernet,
    params: Params,
    model_state: Any,
    budget: float,
) -> Found:
    """The network that a search has found for a budget; batch statistics are those of the search.

    Args:
      net: what was searched.
      params, model_state: at the end of the search.
      budget: in the unit of the search.

    Raises:
      UserError: sizes or kernels are not finite.
    """
    soft = jax.jit(net.soft_sizes)(params, jnp.float32(budget))
    kernels = jax.device_get(jax.jit(net.masked_kernels)(params, soft))
    _check_finite(soft, kernels)
    windows = _windows(net, kernels, soft)
    worth = _worth(net, windows, soft)
    ruled = _ruled_sizes(net, worth, soft)
    sizes = ruled
    if net.keys.repair:
        # a hinge asks only for not too much, so what is left of the budget stays unused
        fill = None if net.keys.form == "hinge" else soft.tolist()
        sizes = repair(ruled, worth, net.cost.exact, budget, fill)
    # the taps outside of the odd windows are cut off; a ramp has made them zero or small
    cropped = _cropped(net, params, kernels, net.sizes.split(sizes))
    return Found(
        budget=budget,
        cost=net.cost.exact(sizes),
        soft=np.asarray(soft),
        ruled=ruled,
        sizes=sizes,
        model=net.with_sizes(sizes),
        variables=jax.device_get({"params": cropped, **model_state}),
        kernels=[np.abs(window).mean((2, 3)) for window in windows],
    )


def _check_finite(
    soft: jax.Array,
    kernels: Sequence[np.ndarray],
) -> None:
    # every rule below would turn NaN into a window of 1 without a word
    if all(np.all(np.isfinite(values)) for values in (soft, *kernels)):
        return
    raise UserError(
        "the search has diverged: its sizes or kernels are not finite, so there is no network to "
        "write\nlower --config.optim.sizes.learning_rate or the network's, or set a clip_norm"
    )


def _windows(
    net: Supernet,
    kernels: Sequence[np.ndarray],
    soft: jax.Array,
) -> list[np.ndarray]:
    """The masked kernel [I, J, 1, C] of every site; of pooling the window [I, J, 1, 1] itself."""
    of_site = dict(zip(net.kernel_sites, kernels))
    windows = []
    for n, (site, size) in enumerate(zip(net.sizes.sites, net.sizes.split(soft))):
        if n in of_site:
            windows.append(np.asarray(of_site[n]))
        else:
            windows.append(np.asarray(site.mask(net.mask, size))[:, :, None, None])
    return windows


def _worth(
    net: Supernet,
    windows: Sequence[np.ndarray],
    soft: jax.Array,
) -> list[np.ndarray]:
    """For each size what its rings are worth: shares of the kernel's energy, or mask values."""
    worth: list[np.ndarray] = []
    if net.keys.rule == "energy":
        for site, window in zip(net.sizes.sites, windows):
            worth += ring_energies(site, window)
        return worth
    for largest, size in zip(net.sizes.largest, soft):
        rings = np.arange((largest + 1) // 2)
        worth.append(np.asarray(ramp(rings, size)))
    return worth


def _ruled_sizes(
    net: Supernet,
    worth: list[np.ndarray],
    soft: jax.Array,
) -> list[int]:
    """Odd sizes by the rule alone."""
    if net.keys.rule == "energy":
        return _energy_rule(net.sizes, worth, soft, net.keys.discarded)
    rounding = nearest_odd if net.keys.rule == "nearest" else outer_odd
    return [int(size) for size in rounding(soft)]


def _energy_rule(
    sizes: Sizes,
    energies: list[np.ndarray],
    soft: jax.Array,
    discarded: float,
) -> list[int]:
    """By energy; pooling has no kernel whose energy differs from its window's: the nearest size."""
    chosen: list[int] = []
    nearest = nearest_odd(soft).astype(int).tolist()
    for site, span in zip(sizes.sites, sizes.spans):
        if site.kind == "depthwise":
            chosen += energy_sizes(energies[span], discarded)
        else:
            chosen += nearest[span]
    return chosen


def _cropped(
    net: Supernet,
    params: Params,
    kernels: Sequence[np.ndarray],
    sizes: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """Parameters of the network with windows `sizes`: the middles of the masked kernels."""
    flat = flatten_dict(net.insert_kernels(params, kernels))
    for n, kernel in zip(net.kernel_sites, kernels, strict=True):
        site = net.sizes.sites[n]
        flat[(*site.path, "kernel")] = middle(kernel, site.sides(sizes[n]))
    return unflatten_dict(flat)


def middle(
    kernel: np.ndarray,
    sides: tuple[int, int],
) -> np.ndarray:
    """The middle [h, w, ...] of a kernel [I, J, ...]."""
    rows, columns = kernel.shape[:2]
    above = (rows - int(sides[0])) // 2
    left = (columns - int(sides[1])) // 2
    return kernel[above : rows - above, left : columns - left]


# ----------------------------------------------------------------------------- is it a baseline?


def baseline_of(
    net: Supernet,
    sizes: Sequence[int],
) -> str | None:
    """The baseline that these sizes are, such as "5 everywhere"; None where they are none."""
    chosen = [int(size) for size in sizes]
    for size in range(1, int(max(net.sizes.largest)) + 1, 2):
        uniform = net.sizes.uniform(size).tolist()
        if chosen == uniform:
            capped = "" if min(uniform) == size else ", as far as the maps allow"
            return f"{size} everywhere{capped}"
    if chosen == net.given_sizes:
        return "the sizes that config.model gives"
    return None
