"""The loop's share in an update: from gradients to new parameters."""

from collections.abc import Callable, Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax import optim
from effjax.contract import Apply, TrainState
from effjax.devices.layout import Shares
from effjax.training.device_mean import DeviceMean
from effjax.training.groups import Groups
from effjax.training.layer_norms import LEAVES, LayerNorms
from effjax.training.parts import clip_together

LossOf = Callable[[Any], jax.Array]  # parameters -> the loss of this update's batch


def make_apply(
    groups: Groups,
    shares: Shares,
    mean: DeviceMean,
    waiting: Set[str] = frozenset(),
    layers: LayerNorms | None = None,
) -> Apply:
    """The loop's `apply`: mean over devices, check, clip, optimizers.

    Parameters come and go whole; between, each device updates the part that it owns. `state.bad`
    counts the groups of one step whose gradients were not finite.

    Args:
      waiting: the groups that are left alone, see `Task.waiting`.
      layers: notes the norms of gradients in `state.grad_norm`; None: nothing does.
    """

    def apply(
        state: TrainState,
        grads: Any,
        only: str | None = None,
        value: jax.Array | None = None,
        value_fn: LossOf | None = None,
    ) -> TrainState:
        grads = shares.own_gradients(mean(grads))
        params = shares.own(state.params)
        opt_state = dict(state.opt_state)
        norms = dict(state.grad_norm)
        bad = state.bad
        asked = groups.transforms if only is None else (only,)
        names = [name for name in asked if name not in waiting]
        grads_of = {name: groups.pick(grads, name) for name in names}
        for name in names:
            # before clipping: what is reported is how large the gradient was
            norms[name] = optax.tree.norm(grads_of[name]).astype(jnp.float32)
            if layers is not None:
                norms[LEAVES] = layers.seen(norms[LEAVES], grads_of[name])
            bad += ~jnp.isfinite(norms[name])
        grads_of |= _clipped_together(groups, grads_of)
        for name in names:
            picked = groups.pick(params, name)
            own_grads = grads_of[name]
            offered = {"grad": own_grads}
            if value is not None:
                offered["value"] = mean(value)
            if value_fn is not None:
                loss_of = _loss_of_group(groups, shares, mean, value_fn, params, name)
                offered |= {"value_fn": loss_of, "obj_fn": loss_of}
            # the rate follows the loop's step, not the optimizer's count: groups that are updated
            # once in several steps share one schedule
            rate = groups.rates[name](state.step)
            own_state = optim.set_learning_rate(opt_state[name], rate)
            updates, opt_state[name] = groups.transforms[name].update(
                own_grads,
                own_state,
                picked,
                **groups.wanted(name, offered),
            )
            moved = optax.apply_updates(picked, updates)
            params = groups.put_back(params, moved, name)
        return state.replace(
            params=shares.whole(params),
            opt_state=opt_state,
            grad_norm=norms,
            bad=bad,
        )

    return apply


def _clipped_together(groups: Groups, grads_of: Mapping[str, Any]) -> dict[str, Any]:
    """The gradients of the groups that are parts of one, clipped by the norm of all its parts."""
    clipped: dict[str, Any] = {}
    for section, max_norm in groups.clips.items():
        parts = [name for name in grads_of if groups.section(name) == section]
        gradients = clip_together([grads_of[name] for name in parts], max_norm)
        clipped |= zip(parts, gradients)
    return clipped


def _loss_of_group(
    groups: Groups,
    shares: Shares,
    mean: DeviceMean,
    value_fn: LossOf,
    params: Any,
    name: str,
) -> LossOf:
    """The loss as a function of the parameters of one group; the others stay as in `params`."""

    def loss_of(picked: Any) -> jax.Array:
        there = groups.put_back(params, picked, name)
        return mean(value_fn(shares.whole(there)))

    return loss_of
