"""What the update rules share: moment dtypes, bias corrections, maps with several results."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax


def compute_dtype(*arrays: jax.Array) -> jnp.dtype:
    """The dtype in which a rule is computed: that of the arrays, but at least float32."""
    return jnp.promote_types(jnp.result_type(*arrays), jnp.float32)


def zeros(params: optax.Params, dtype: Any | None = None) -> optax.Updates:
    """Zeros like `params`, in `dtype` or else in the dtype in which the rule is computed."""
    return jax.tree.map(lambda p: jnp.zeros_like(p, dtype or compute_dtype(p)), params)


def copied(params: optax.Params) -> optax.Params:
    """Copies in the compute dtype: never the buffers of `params`, which a step may donate."""
    return jax.tree.map(lambda p: jnp.array(p, compute_dtype(p), copy=True), params)


def bias_correction(decay: float | jax.Array, count: jax.Array) -> jax.Array:
    """1 - decay ** count, exact to the last digits also where decay is close to one."""
    if not isinstance(decay, float):
        return 1 - decay**count
    log_decay = math.log(decay) if decay > 0 else -math.inf
    return -jnp.expm1(count.astype(float) * log_decay)


def unzip_map(f: Callable[..., tuple], trees: tuple, count: int) -> tuple:
    """`jax.tree.map` of a function of several results: a tuple of `count` trees."""
    leaves, structure = jax.tree.flatten(trees[0])
    others = [structure.flatten_up_to(tree) for tree in trees[1:]]
    results = [f(*values) for values in zip(leaves, *others, strict=True)]
    columns = zip(*results, strict=True) if results else [()] * count
    return tuple(structure.unflatten(column) for column in columns)


def after(value: jax.Array, *others: jax.Array) -> jax.Array:
    """`value` itself, but for XLA a function of `others` as well.

    An array of the state that takes a new value (`value`) while other results (`others`) still read
    the old one is copied as a whole by XLA on CPU, unless it sees which comes first. LLVM removes
    the comparison, so this costs nothing.
    """
    never = functools.reduce(jnp.logical_or, ((x != x) & (x == x) for x in others))
    return jnp.where(never, 0, value)


def once(value: jax.Array) -> jax.Array:
    """`value` itself, but for XLA too expensive to be computed again where it is used.

    A new array of the state that another result is made of would otherwise be computed twice, and
    its old value, which both need, be copied as a whole. LLVM removes the square root again.
    """
    return jnp.where((value != value) & (value == value), jnp.sqrt(value), value)
