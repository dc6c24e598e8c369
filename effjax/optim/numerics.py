"""What the update rules share: dtypes of moments, bias corrections, maps with several results."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax


def compute_dtype(*arrays: jax.Array) -> jnp.dtype:
    """The dtype in which a rule is computed: that of the arrays, but at least float32."""
    widest = jnp.result_type(*arrays)
    return jnp.promote_types(widest, jnp.float32)


def is_low_precision(array: jax.Array) -> bool:
    """Whether the array holds floats of fewer than 32 bits."""
    dtype = array.dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        return False
    return jnp.finfo(dtype).bits < 32


def raised(tree: Any) -> Any:
    """The tree with its low-precision floats as float32."""

    def raise_leaf(array: jax.Array) -> jax.Array:
        if not is_low_precision(array):
            return array
        return array.astype(compute_dtype(array))

    return jax.tree.map(raise_leaf, tree)


def zeros(params: optax.Params, dtype: Any | None = None) -> optax.Updates:
    """Zeros like `params`, in `dtype` or else in the dtype in which the rule is computed."""

    def zeros_of_leaf(p: jax.Array) -> jax.Array:
        chosen = dtype or compute_dtype(p)
        return jnp.zeros_like(p, chosen)

    return jax.tree.map(zeros_of_leaf, params)


def copied(params: optax.Params) -> optax.Params:
    """Copies in the compute dtype: never the buffers of `params`, which a step may donate."""

    def copy_leaf(p: jax.Array) -> jax.Array:
        return jnp.array(p, compute_dtype(p), copy=True)

    return jax.tree.map(copy_leaf, params)


def bias_correction(decay: float | jax.Array, count: jax.Array) -> jax.Array:
    """1 - decay ** count, exact to the last digits also where decay is close to one."""
    if not isinstance(decay, float):
        return 1 - decay**count
    # float32 decay ** count is wrong by 6e-5 of the result at count 1 and decay 0.999
    log_decay = math.log(decay) if decay > 0 else -math.inf
    exponent = count.astype(float) * log_decay
    return -jnp.expm1(exponent)


def unzip_map(f: Callable[..., tuple], trees: tuple, count: int) -> tuple:
    """`jax.tree.map` of a function of several results: a tuple of `count` trees.

    Leaves that are flags (bool) or names (str) reach the function as they are.
    """
    leaves, structure = jax.tree.flatten(trees[0])
    others = [structure.flatten_up_to(tree) for tree in trees[1:]]
    rows = list(zip(leaves, *others, strict=True))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        # a rule is traced once for all leaves of one shape: tracing is half of a cached start
        plain = [i for i, value in enumerate(rows[0]) if isinstance(value, bool | str)]
        f = jax.jit(f, inline=True, static_argnums=plain)
    results = [f(*values) for values in rows]
    if not results:
        # a tree without leaves says nothing of the number of results
        empty = structure.unflatten(())
        return (empty,) * count
    columns = zip(*results, strict=True)
    return tuple(structure.unflatten(column) for column in columns)


def order_after(value: jax.Array, *others: jax.Array) -> jax.Array:
    """`value` itself, but for XLA a function of `others` as well.

    An array of the state that takes a new value (`value`) while other results (`others`) still read
    the old one is copied as a whole by XLA on CPU, unless it sees which comes first.
    """
    # never true, which LLVM sees and XLA does not: this costs nothing
    contradictions = [(x != x) & (x == x) for x in others]
    never = functools.reduce(jnp.logical_or, contradictions)
    return jnp.where(never, 0, value)


def no_recompute(value: jax.Array) -> jax.Array:
    """`value` itself, but for XLA too expensive to be computed again where it is used.

    A new array of the state that another result is made of would otherwise be computed twice, and
    its old value, which both need, be copied as a whole.
    """
    # LLVM removes the square root again
    never = (value != value) & (value == value)
    return jnp.where(never, jnp.sqrt(value), value)
