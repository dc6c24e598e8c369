"""Zen score: how much a random network's last map moves with its input.

Lin et al., https://arxiv.org/abs/2102.01063. Shapes: B images, H W space, C channels.
"""

import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.tree_util import tree_map_with_path

from effjax.models.blocks.norms import LayerNorm
from effjax.search.proxies.network import Apply, Variables
from effjax.search.proxies.weights import SCALE, is_weight

STEP = 0.01  # the share of the second noise
BATCH_STATS = "batch_stats"


def zen_once(apply: Apply, variables: Variables, x: Array, z: Array) -> tuple[Array, Variables]:
    """ln mean_b sum abs(f(x) - f(x + 0.01 z)) + sum over norms of 0.5 ln mean(variance).

    f is the map before pooling, batch norms by the batch. The variance of a batch norm is its
    running one after both passes, which starts where `variables` has it: of fresh variables 81 %
    of it are still the 1 that it started from. Layer norms have no running variance: theirs is what
    they see in the pass of x. That part is ours, since the paper has batch norm alone.

    Args:
      variables: see `random_variables`.
      x, z: standard normal [B, H, W, C].

    Returns:
      The score, and the variables with the running averages after it.
    """
    seen: dict[str, Array] = {}
    with nn.intercept_methods(_note_variance(seen)):
        first = apply(variables, x, True)
    second = apply(first.variables, x + STEP * z, True)
    axes = tuple(range(1, first.last_map.ndim))
    change = jnp.abs(first.last_map - second.last_map).sum(axes).mean()
    score = jnp.log(change)
    averages = jax.tree_util.tree_leaves_with_path(second.variables.get(BATCH_STATS, {}))
    for path, leaf in averages:
        if path[-1].key == "var":
            score += 0.5 * jnp.log(leaf.mean())
    for variance in seen.values():
        score += 0.5 * jnp.log(variance)
    return score, second.variables


def zen(
    apply: Apply,
    variables: Variables,
    key: Array,
    image_shape: tuple[int, ...],
    count: int = 16,
) -> Array:
    """The Zen score of one draw of weights and of `count` pairs of noise images."""
    dtype = jax.tree.leaves(variables["params"])[0].dtype
    weights_key, x_key, z_key = jax.random.split(key, 3)

    def draw(path: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
        # a key of its own for each layer, whatever others there are
        number = zlib.crc32(jax.tree_util.keystr(path).encode())
        return jax.random.normal(jax.random.fold_in(weights_key, number), shape, dtype)

    drawn = random_variables(variables, draw)
    shape = (count, *image_shape)
    x = jax.random.normal(x_key, shape, dtype)
    z = jax.random.normal(z_key, shape, dtype)
    return zen_once(apply, drawn, x, z)[0]


def random_variables(
    variables: Variables, draw: Callable[[tuple[Any, ...], tuple[int, ...]], Array]
) -> Variables:
    """The variables with kernels `draw(path, shape)`, scales 1 and all other parameters 0."""

    def of_leaf(path: tuple[Any, ...], leaf: Array) -> Array:
        if is_weight(path, leaf):
            return draw(path, leaf.shape)
        if path[-1].key == SCALE:
            return jnp.ones_like(leaf)
        return jnp.zeros_like(leaf)

    return {**variables, "params": tree_map_with_path(of_leaf, variables["params"])}


def _note_variance(seen: dict[str, Array]) -> Callable[..., Any]:
    """Writes down the mean variance that each layer norm divides by."""

    def note(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        layer = context.module
        if isinstance(layer, LayerNorm) and context.method_name == "__call__":
            x = args[0]
            seen["/".join(layer.path)] = x.var(layer.over).mean()
        return call(*args, **kwargs)

    return note
