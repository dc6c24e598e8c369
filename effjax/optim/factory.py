"""Optimizers by name: ours, all of optax and plug-ins, with the same decay, mask and clipping."""

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.errors import UserError, nearest
from effjax.optim.catalogue import LEAST_RATE, UNSCHEDULED
from effjax.optim.decay import (
    LearningRate,
    Mask,
    add_coupled_decay,
    add_decoupled_decay,
    with_masked_decay,
)
from effjax.optim.factors import (
    Factors,
    at_least,
    check_factors,
    one_for_each_factor,
    only_learned,
    pruned,
    scale_by_factors,
    scaled_mask,
    times,
    with_gradient_norm,
    without_frozen,
)
from effjax.optim.hints import Amount, Norm, Rate, checked_value
from effjax.optim.lookup import inner_of, optimizer_info
from effjax.optim.masters import with_masters
from effjax.optim.registry import OptimizerInfo
from effjax.optim.state import in_float32, steady
from effjax.optim.variants import scheduled


def create(
    name: str,
    learning_rate: LearningRate,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    coupled_decay: bool = False,
    clip_norm: float | None = None,
    lr_scale: Any | None = None,
    **hyperparameters: Any,
) -> optax.GradientTransformationExtraArgs:
    """Makes the optimizer called `name`.

    Parameters below float32 get float32 masters in the state, on which the steps are made (see
    `with_masters`); `eval_params` gives these.

    Args:
        name: an entry of `list_optimizers()`, or "package.module:function" for one of your own.
        learning_rate: a number, a traced scalar, or a schedule of the count of updates.
        weight_decay: decay towards zero. A method with a decay of its own uses that; to the others
            the decoupled decay `-learning_rate * weight_decay * p` is added.
        mask: which leaves decay: a tree of booleans like the parameters, a function of the
            parameters that makes one, or None for all.
        coupled_decay: instead, `weight_decay * p` is added to the gradient (after clipping), as the
            weight decay of PyTorch's SGD and Adam is.
        clip_norm: if given, the gradients of all leaves that are learned are scaled to at most this
            L2 norm together (`optax.clip_by_global_norm`) before anything else.
        lr_scale: if given, a tree of numbers like the parameters: each leaf gets the learning rate
            times its number; 0.0 freezes it. A method that needs one number of all leaves (a norm,
            a distance) gets it over all leaves that are learned.
        **hyperparameters: the method's own, see `list_optimizers()`; for 'lookahead', 'slrla',
            'cautious' and 'mechanic' also `inner`, the name of an optimizer, and that optimizer's.

    Returns:
        An optax transformation; see `steady` for what holds of its state.

    Raises:
        UserError: for an unknown name or hyperparameter (the message names the nearest), or for a
            value out of its range.

    Example:
        >>> import effjax.optim
        >>> tx = effjax.optim.create("adan", 1e-3, weight_decay=0.02, clip_norm=5.0)
        >>> tx = effjax.optim.create("lookahead", 0.1, inner="sgd", momentum=0.9, sync_period=6)
    """
    info = optimizer_info(name)
    owner = f"optimizer {info.name!r}"
    learning_rate = checked_value(owner, "learning_rate", learning_rate, Rate, 1e-3)
    weight_decay = checked_value(owner, "weight_decay", weight_decay, Amount, 0.0)
    clip_norm = checked_value(owner, "clip_norm", clip_norm, Norm | None, None)
    settings = _checked(info, hyperparameters)

    before = []
    if clip_norm is not None:
        clip = optax.clip_by_global_norm(clip_norm)
        # what is frozen has a gradient, but counts in no norm
        before.append(clip if lr_scale is None else only_learned(clip, lr_scale))
    if coupled_decay:
        before.append(in_float32(add_coupled_decay(weight_decay, mask)))
        weight_decay = 0.0
    if lr_scale is None:
        tx = _build(info, learning_rate, weight_decay, mask, settings)
    else:
        tx = _build_scaled(info, learning_rate, weight_decay, mask, settings, lr_scale)
    if before:
        tx = optax.chain(*before, tx)
    # outermost, so that all of it, Lookahead's slow weights too, sees float32 alone
    return steady(with_masters(tx))


def create_injected(
    name: str, learning_rate: float, **arguments: Any
) -> optax.GradientTransformationExtraArgs:
    """As `create`, with the learning rate in the state, where `set_learning_rate` changes it.

    For loops whose schedule follows their own step. Only the rate is a float32 array in the state;
    every other hyperparameter stays the Python number that it is (0.999 never becomes 1).
    """

    def make(learning_rate: Any) -> optax.GradientTransformationExtraArgs:
        return create(name, learning_rate, **arguments)

    return optax.inject_hyperparams(make, hyperparam_dtype=jnp.float32)(learning_rate)


# ------------------------------------------------------------------------ hyperparameters


def _checked(info: OptimizerInfo, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a method, and of what it wraps, if all are known and in range."""
    inside = inner_of(info, hyperparameters)
    if inside is not None:
        own, others = _divided(info, hyperparameters)
        return info.checked(own) | _checked(inside, others)
    known = info.hyperparameters
    for field in hyperparameters:
        if field not in known:
            # a misspelt argument of `create` itself ends here as well
            words = [*known, *inspect.signature(create).parameters]
            raise UserError(
                f"optimizer {info.name!r} has no hyperparameter {field!r}: {nearest(field, words)}"
            )
    required = [name for name, value in known.items() if value is inspect.Parameter.empty]
    missing = [name for name in required if name not in hyperparameters]
    if missing:
        raise UserError(f"optimizer {info.name!r} needs the hyperparameters {', '.join(missing)}")
    return info.checked(hyperparameters)


def _divided(info: OptimizerInfo, settings: Mapping[str, Any]) -> tuple[dict, dict]:
    """The settings of a wrapper, and those of the optimizer in it."""
    # a name that both have, such as `nesterov`, is the wrapper's
    own = {key: value for key, value in settings.items() if key in info.hyperparameters}
    others = {key: value for key, value in settings.items() if key not in own}
    return own, others


# ------------------------------------------------------------------------ building


def _build_scaled(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    settings: Mapping[str, Any],
    factors: Factors,
) -> optax.GradientTransformation:
    """The optimizer with a factor of the learning rate for each leaf."""
    innermost = inner_of(info, settings) or info
    check_factors(innermost, factors)
    clips = "max_grad_norm" in innermost.hyperparameters
    # a wrapper may itself find one number of all leaves
    is_plain = info.wraps is None or (info.coupling == "nothing" and not clips)
    if innermost.coupling == "nothing" and is_plain:
        return _for_each_factor(info, learning_rate, weight_decay, mask, settings, factors)
    if info.wraps and info.decay == "own" and set(jax.tree.leaves(factors)) - {0, 1}:
        raise UserError(
            f"optimizer {info.name!r} around {innermost.name!r}, which takes one number of all "
            "parameters, has one learning rate for all\n"
            "leave out lr_scale and layer_decay, or take another inner optimizer"
        )
    # a wrapper changes the gradients before their norm is taken: it goes around all factors
    tx = _build(info, learning_rate, weight_decay, mask, settings, factors)
    return without_frozen(tx, factors)


def _for_each_factor(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    settings: Mapping[str, Any],
    factors: Factors,
) -> optax.GradientTransformation:
    def build(factor: float) -> optax.GradientTransformation:
        return _build(info, times(factor, learning_rate), weight_decay, mask, settings)

    tx = one_for_each_factor(build, factors)
    defaults = info.hyperparameters
    clips = settings.get("max_grad_norm", defaults.get("max_grad_norm")) is not None
    return with_gradient_norm(tx, factors) if clips else tx


def _build(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    settings: Mapping[str, Any],
    factors: Factors | None = None,
) -> optax.GradientTransformation:
    inside = inner_of(info, settings)
    if inside is not None:
        return _build_wrapper(info, learning_rate, weight_decay, mask, settings, factors)
    if factors is not None and info.coupling == "nothing":
        return _for_each_factor(info, learning_rate, weight_decay, mask, settings, factors)
    tx = in_float32(_with_decay(info, learning_rate, weight_decay, _pruned(mask), settings))
    if factors is not None:
        # one number of all leaves in the direction: the factor comes last
        return optax.chain(tx, scale_by_factors(factors))
    return tx


def _build_wrapper(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    settings: Mapping[str, Any],
    factors: Factors | None,
) -> optax.GradientTransformation:
    own, others = _divided(info, settings)
    own.pop("inner", None)
    # decay outside: what the wrapper does to updates is not done to the decay
    decay_inside = weight_decay if info.decay == "inner" else 0.0
    inside = _build(inner_of(info, settings), learning_rate, decay_inside, mask, others, factors)
    if info.decay == "own":
        own |= {"weight_decay": weight_decay, info.mask_name: _pruned(mask)}
        return in_float32(info.make(inside, learning_rate, **own))
    tx = info.make(inside, **own)
    if info.decay == "inner" or not weight_decay:
        return tx
    if factors is not None:
        mask = scaled_mask(mask, factors)
    decay = add_decoupled_decay(learning_rate, weight_decay, _pruned(mask))
    return in_float32(optax.chain(tx, decay))


def _with_decay(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    settings: Mapping[str, Any],
) -> optax.GradientTransformation:
    """One method that wraps no other, with its weight decay."""
    if info.name in LEAST_RATE:
        learning_rate = at_least(LEAST_RATE[info.name], learning_rate)
    arguments = dict(info.fixed) | dict(settings) | {info.rate_name: learning_rate}
    # see `Decay` for the five ways
    if info.decay == "own":
        return info.make(**arguments, weight_decay=weight_decay, **{info.mask_name: mask})
    if info.decay == "unmasked":
        return _with_unmasked_decay(info, arguments, weight_decay, mask)
    # their functions take a number: they are made anew for each update, which costs nothing in jit
    if info.name in UNSCHEDULED and callable(learning_rate):
        tx = scheduled(lambda rate: info.make(**arguments | {info.rate_name: rate}), learning_rate)
    else:
        tx = info.make(**arguments)
    if not weight_decay:
        return tx
    if info.decay == "coupled":
        return optax.chain(add_coupled_decay(weight_decay, mask), tx)
    return optax.chain(tx, add_decoupled_decay(learning_rate, weight_decay, mask))


# Prodigy and D-Adaptation scale their decay by an estimate that nobody else has.
def _with_unmasked_decay(
    info: OptimizerInfo, arguments: Mapping[str, Any], weight_decay: float, mask: Mask
) -> optax.GradientTransformation:
    def make(decay: float) -> optax.GradientTransformation:
        return info.make(**arguments, weight_decay=decay)

    if weight_decay and mask is not None:
        return with_masked_decay(make, weight_decay, mask)
    return make(weight_decay)


def _pruned(mask: Mask) -> Mask:
    """The mask as a function that leaves out what `optax.masked` has taken from the parameters."""
    if mask is None or callable(mask):
        return mask
    return pruned(mask)
