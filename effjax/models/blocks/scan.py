"""Equal blocks, compiled once: a scan over their stacked variables, which nobody outside sees.

Shapes: B batch, n blocks.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

# of one block: 1 - rate of its stochastic depth, and a key for each of its branches
Drops = tuple[jax.Array, jax.Array]
BRANCHES = 2


def scan_blocks(
    stage: nn.Module,
    block: nn.Module,
    first: int,
    rates: tuple[float, ...],
    remat: bool,
    x: jax.Array,
    examples: jax.Array | None,
) -> jax.Array:
    """`x` through the blocks `first`, `first + 1`, ... of a bound `stage`, as many as `rates`.

    Their variables are those of children named "blocks_<j>", which exist already. Random draws are
    those that the children would make.

    Args:
      block: any one of them, unbound; called as block(x, examples, drops).
      rates: of stochastic depth.
      remat: keep only the blocks' inputs for the backward pass.
      x: [B, ...].
      examples: [B] int32, or None in evaluation.
    """
    names = [f"blocks_{first + k}" for k in range(len(rates))]
    each = [
        {kind: tree[name] for kind, tree in stage.variables.items() if name in tree}
        for name in names
    ]
    variables = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    drops = None
    if examples is not None and any(rates):
        keys = [_keys(stage, name) for name in names]
        drops = jnp.asarray([1 - rate for rate in rates], jnp.float32), jnp.stack(keys)

    def step(x: jax.Array, own: tuple) -> tuple[jax.Array, None]:
        variables, drops = own
        return block.apply(variables, x, examples, drops), None

    step = jax.checkpoint(step) if remat else step
    return jax.lax.scan(step, x, (variables, drops), length=len(rates))[0]


def _keys(stage: nn.Module, name: str) -> jax.Array:
    """The keys [BRANCHES] that the layers StochasticDepth_0, ... of the child `name` would draw."""
    child = stage.scope.push(name, reuse=True)
    layers = [f"StochasticDepth_{k}" for k in range(BRANCHES)]
    return jnp.stack([child.push(layer, reuse=True).make_rng("dropout") for layer in layers])
