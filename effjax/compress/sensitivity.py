"""Mixed precision: which layers suffer from fewer bits, and the best bits under a budget.

A layer's damage is how far the logits move, squared, when its kernel alone is rounded. Errors of
several layers are taken to add, as those of independent noise do (Dong et al. 2019,
https://arxiv.org/abs/1911.03852, weigh them by curvature in the same programme).

Shapes: B batch, H W space, K classes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.compress.bits import allocate
from effjax.compress.masks import insert
from effjax.compress.quantised import FLOAT, LIMITS, in_float, round_kernel
from effjax.compress.quantised_layers import Layer
from effjax.models import ImageModel
from effjax.optim import parameter_paths

Damages = dict[str, dict[int, float]]  # {path of a layer: {bits: damage}}


def damages(
    model: ImageModel,
    variables: Any,
    batches: Sequence[Array],
    layers: Sequence[Layer],
    choices: Sequence[int],
    seen: Callable[[int], None] = lambda count: None,
) -> Damages:
    """The mean of (logit - logit in floating point)^2 for each layer at each number of bits.

    Args:
      batches: normalised images [B, H, W, 3].
      choices: numbers of bits; 32 does no damage.
      seen: called with the number of layers that are done.
    """
    plain = in_float(model)
    rest = {name: tree for name, tree in variables.items() if name not in ("params", LIMITS)}

    @jax.jit  # one program: what changes is a kernel
    def logits(params: Any, images: Array) -> Array:
        return plain.apply({"params": params, **rest}, images, train=False)

    params = variables["params"]
    kernels = dict(zip(parameter_paths(params), jax.tree.leaves(params), strict=True))
    expected = [logits(params, images) for images in batches]
    found: Damages = {}
    for number, layer in enumerate(layers):
        path = f"{layer.path}/kernel"
        of_layer = {}
        for bits in choices:
            of_layer[bits] = 0.0
            if bits == FLOAT:
                continue
            rounded = insert(params, {path: round_kernel(kernels[path], bits)})
            moved = [logits(rounded, images) for images in batches]
            squares = [jnp.square(m - e).mean() for m, e in zip(moved, expected, strict=True)]
            of_layer[bits] = float(sum(squares)) / len(batches)
        found[layer.path] = of_layer
        seen(number + 1)
    return found


def best_bits(
    found: Damages,
    costs: Mapping[str, Mapping[int, int]],
    limit: float,
) -> tuple[tuple[str, int], ...]:
    """`Bits.layers` with the least damage in all within a limit of the costs.

    Raises:
      UserError: the limit is below the cheapest bits.
    """
    chosen = allocate(found, costs, limit)
    return tuple((f"^{path}$", bits) for path, bits in chosen.items())
