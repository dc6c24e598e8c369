"""Optimizers by name: ours and all of optax, with the same decay, mask and clipping for each."""

import inspect
from typing import Any

import jax
import optax

from effjax.optim.catalogue import UNSCHEDULED
from effjax.optim.decay import (
    LearningRate,
    Mask,
    add_coupled_decay,
    add_decoupled_decay,
    isinstance_masked,
    learning_rate_at,
    with_masked_decay,
)
from effjax.optim.naming import nearest
from effjax.optim.registry import OptimizerInfo, registry
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

    Args:
        name: an entry of `list_optimizers()`.
        learning_rate: a number, a traced scalar, or a schedule of the count of updates.
        weight_decay: decay towards zero. A method with a decay of its own uses that; to the others
            the decoupled decay `-learning_rate * weight_decay * p` is added.
        mask: which leaves decay: a tree of booleans like the parameters, a function of the
            parameters that makes one, or None for all.
        coupled_decay: instead, `weight_decay * p` is added to the gradient (after clipping), as the
            weight decay of PyTorch's SGD and Adam is.
        clip_norm: if given, gradients of all leaves together are scaled to at most this L2 norm
            (`optax.clip_by_global_norm`) before anything else.
        lr_scale: if given, a tree of numbers like the parameters: each leaf gets the learning rate
            times its number, exactly as if it had an optimizer of its own; 0.0 freezes it.
        **hyperparameters: the method's own, see `list_optimizers()`; for 'lookahead', 'slrla' and
            'cautious' also `inner`, the name of an optimizer, and that optimizer's.

    Returns:
        An optax transformation; see `steady` for what holds of its state.

    Raises:
        ValueError: for an unknown name or hyperparameter (the message names the nearest).

    Example:
        >>> import effjax.optim
        >>> tx = effjax.optim.create("adan", 1e-3, weight_decay=0.02, clip_norm=5.0)
        >>> tx = effjax.optim.create("lookahead", 0.1, inner="sgd", momentum=0.9, sync_period=6)
    """
    info = optimizer_info(name)
    _check(info, hyperparameters)
    before = []
    if clip_norm is not None:
        before.append(optax.clip_by_global_norm(clip_norm))
    if coupled_decay:
        before.append(in_float32(add_coupled_decay(weight_decay, mask)))
        weight_decay = 0.0
    if lr_scale is None:
        tx = _build(info, learning_rate, weight_decay, mask, hyperparameters)
    else:
        groups = {
            f"lr_x{scale!r}": optax.set_to_zero()
            if scale == 0
            else _build(info, _times(scale, learning_rate), weight_decay, mask, hyperparameters)
            for scale in sorted(set(jax.tree.leaves(lr_scale)))
        }
        tx = optax.multi_transform(groups, jax.tree.map(lambda scale: f"lr_x{scale!r}", lr_scale))
    return steady(optax.chain(*before, tx) if before else tx)


def create_injected(
    name: str, learning_rate: float, **arguments: Any
) -> optax.GradientTransformationExtraArgs:
    """As `create`, with the learning rate in the state, where `set_learning_rate` changes it.

    For loops whose schedule follows their own step. Only the rate is a float32 array in the state;
    every other hyperparameter stays the Python number that it is (0.999 never becomes 1).
    """

    def make(learning_rate: Any) -> optax.GradientTransformationExtraArgs:
        return create(name, learning_rate, **arguments)

    return optax.inject_hyperparams(make, hyperparam_dtype=jax.numpy.float32)(learning_rate)


def list_optimizers() -> dict[str, OptimizerInfo]:
    """Name -> `OptimizerInfo`: one line, paper, hyperparameters, state arrays; ours first."""
    return dict(registry())


def optimizer_info(name: str) -> OptimizerInfo:
    """The entry of `list_optimizers()` called `name`; ValueError names the nearest if unknown."""
    if name not in registry():
        raise ValueError(f"unknown optimizer {name!r}: {nearest(name, registry())}")
    return registry()[name]


def _check(info: OptimizerInfo, hyperparameters: dict[str, Any]) -> None:
    known = info.hyperparameters
    if info.wraps:
        own, others = _split(info, hyperparameters)
        _check(optimizer_info(own["inner"]), others)
        return
    for field in hyperparameters:
        if field not in known:
            words = [*known, *inspect.signature(create).parameters]
            raise ValueError(
                f"optimizer {info.name!r} has no hyperparameter {field!r}: {nearest(field, words)}"
            )
    missing = [k for k, v in known.items() if v is inspect.Parameter.empty]
    missing = [field for field in missing if field not in hyperparameters]
    if missing:
        raise ValueError(f"optimizer {info.name!r} needs the hyperparameters {', '.join(missing)}")


def _build(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    hyperparameters: dict[str, Any],
) -> optax.GradientTransformation:
    if info.wraps:
        own, others = _split(info, hyperparameters)
        inner, around = optimizer_info(own.pop("inner")), info.decay == "added"
        inside = _build(inner, learning_rate, 0.0 if around else weight_decay, mask, others)
        tx = info.make(inside, **own)
        if not (around and weight_decay):
            return tx
        decay = add_decoupled_decay(learning_rate, weight_decay, _pruned(mask))
        return in_float32(optax.chain(tx, decay))
    return in_float32(
        _with_decay(info, learning_rate, weight_decay, _pruned(mask), hyperparameters)
    )


def _with_decay(
    info: OptimizerInfo,
    learning_rate: LearningRate,
    weight_decay: float,
    mask: Mask,
    hyperparameters: dict[str, Any],
) -> optax.GradientTransformation:
    arguments = dict(info.fixed) | hyperparameters | {info.rate_name: learning_rate}
    if info.decay == "own":
        return info.make(**arguments, weight_decay=weight_decay, **{info.mask_name: mask})
    if info.decay == "unmasked":
        make = lambda wd: info.make(**arguments, weight_decay=wd)  # noqa: E731
        masked = weight_decay and mask is not None
        return with_masked_decay(make, weight_decay, mask) if masked else make(weight_decay)
    if info.name in UNSCHEDULED and callable(learning_rate):
        tx = scheduled(lambda lr: info.make(**arguments | {info.rate_name: lr}), learning_rate)
    else:
        tx = info.make(**arguments)
    if not weight_decay:
        return tx
    if info.decay == "coupled":
        return optax.chain(add_coupled_decay(weight_decay, mask), tx)
    return optax.chain(tx, add_decoupled_decay(learning_rate, weight_decay, mask))


def _split(info: OptimizerInfo, hyperparameters: dict[str, Any]) -> tuple[dict, dict]:
    """The hyperparameters of a wrapper, and those of the optimizer in it."""
    own = {k: v for k, v in hyperparameters.items() if k in info.hyperparameters}
    others = {k: v for k, v in hyperparameters.items() if k not in own}
    return dict(info.fixed) | own, others


def _times(scale: float, learning_rate: LearningRate) -> LearningRate:
    if callable(learning_rate):
        return lambda count: scale * learning_rate_at(learning_rate, count)
    return scale * learning_rate


def _pruned(mask: Mask) -> Mask:
    """The mask as a function that leaves out what `optax.masked` has taken from the parameters."""
    if mask is None or callable(mask):
        return mask

    def prune(params: optax.Params) -> Any:
        return jax.tree.map(
            lambda p, keep: p if isinstance_masked(p) else keep,
            params,
            mask,
            is_leaf=isinstance_masked,
        )

    return prune
