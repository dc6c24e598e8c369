"""A factor of the learning rate for each leaf, and numbers over all leaves that are learned.

A factor is a number >= 0; with 0 the leaf is frozen: it does not move and counts in no norm.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.errors import UserError
from effjax.optim.clipping import global_norm
from effjax.optim.decay import LearningRate, Mask, is_masked, learning_rate_at
from effjax.optim.hints import Amount, checked_value
from effjax.optim.registry import OptimizerInfo

Factors = Any  # a tree of numbers like the parameters


def check_factors(info: OptimizerInfo, factors: Factors) -> None:
    """Refuses factors that a method cannot have.

    Raises:
        UserError: a factor is no number >= 0, or neither 0 nor 1 where the method finds one step
            size for all leaves.
    """
    for factor in set(jax.tree.leaves(factors)):
        checked_value(f"optimizer {info.name!r}", "lr_scale", factor, Amount, 1.0)
        # an estimate over all leaves means nothing to leaves that move at another rate
        if info.coupling == "step_size" and factor not in (0, 1):
            raise UserError(
                f"optimizer {info.name!r} finds one step size for all parameters: "
                f"a factor of the learning rate is 0 or 1, got {factor:g}\n"
                "leave out lr_scale and layer_decay, or take a method with a learning rate, "
                "such as adan or adamw"
            )


def times(factor: float, learning_rate: LearningRate) -> LearningRate:
    """The learning rate times a number."""
    if callable(learning_rate):
        return lambda count: factor * learning_rate_at(learning_rate, count)
    return factor * learning_rate


def at_least(least: float, learning_rate: LearningRate) -> LearningRate:
    """The learning rate, but never less than a number."""
    if callable(learning_rate):
        return lambda count: jnp.maximum(learning_rate_at(learning_rate, count), least)
    if isinstance(learning_rate, jax.Array):
        return jnp.maximum(learning_rate, least)
    return max(learning_rate, least)


def scaled_mask(mask: Mask, factors: Factors) -> Mask:
    """A mask of the decay whose entries carry the factors as well."""

    def scaled(params: optax.Params) -> Any:
        keep = mask(params) if callable(mask) else mask
        if keep is None:
            keep = jax.tree.map(lambda p: True, params, is_leaf=is_masked)
        return jax.tree.map(lambda k, factor: k * factor, keep, factors)

    return scaled


def pruned(tree: Any) -> Callable[[optax.Params], Any]:
    """`tree` as a function of the parameters that leaves out what `optax.masked` has taken out."""

    def prune(params: optax.Params) -> Any:
        def of_leaf(p: Any, value: Any) -> Any:
            return p if is_masked(p) else value

        return jax.tree.map(of_leaf, params, tree, is_leaf=is_masked)

    return prune


def one_for_each_factor(
    build: Callable[[float], optax.GradientTransformation], factors: Factors
) -> optax.GradientTransformationExtraArgs:
    """`build(factor)` for the leaves of each factor."""
    transforms = {}
    for factor in sorted(set(jax.tree.leaves(factors))):
        frozen = optax.set_to_zero()
        transforms[_label(factor)] = frozen if factor == 0 else build(factor)
    # labels as a function: the parameters may have blanks, for instance in a wrapper
    labels = jax.tree.map(_label, factors)
    return optax.multi_transform(transforms, pruned(labels))


def without_frozen(
    tx: optax.GradientTransformation, factors: Factors
) -> optax.GradientTransformation:
    """`tx` for the leaves that are learned; the others do not move."""
    if 0 not in jax.tree.leaves(factors):
        return tx
    labels = jax.tree.map(lambda factor: "learned" if factor else "frozen", factors)
    transforms = {"learned": tx, "frozen": optax.set_to_zero()}
    return optax.multi_transform(transforms, pruned(labels))


def only_learned(
    tx: optax.GradientTransformation, factors: Factors
) -> optax.GradientTransformation:
    """`tx`, which sees zeros as the gradients of frozen leaves, so that they count in no norm."""

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, optax.OptState]:
        return tx.update(_learned(updates, factors), state, params)

    return optax.GradientTransformation(tx.init, update)


def with_gradient_norm(
    tx: optax.GradientTransformation, factors: Factors
) -> optax.GradientTransformationExtraArgs:
    """`tx`, whose parts all clip by the norm of all gradients that are learned."""
    # `clip_by_norm` takes the extra argument; what does not know it never sees it
    tx = optax.with_extra_args_support(tx)

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        norm = global_norm(_learned(updates, factors))
        return tx.update(updates, state, params, gradient_norm=norm, **extra_args)

    return optax.GradientTransformationExtraArgs(tx.init, update)


def scale_by_factors(factors: Factors) -> optax.GradientTransformation:
    """Multiplies each leaf's update by its factor."""

    def update(
        updates: optax.Updates,
        state: optax.EmptyState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, optax.EmptyState]:
        del params
        scaled = jax.tree.map(lambda u, factor: factor * u, updates, pruned(factors)(updates))
        return scaled, state

    return optax.GradientTransformation(optax.init_empty_state, update)


def _learned(updates: optax.Updates, factors: Factors) -> optax.Updates:
    def of_leaf(g: jax.Array, factor: float) -> jax.Array:
        # not `factor * g`: a gradient that is not finite would stay so
        return g if factor else jnp.zeros_like(g)

    return jax.tree.map(of_leaf, updates, pruned(factors)(updates))


# part of the paths in a checkpoint: a change here makes old ones unreadable
def _label(factor: float) -> str:
    return f"lr_x{factor!r}"
