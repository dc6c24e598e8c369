"""The training step: a task's update with the loop's share in it, as one function to compile.

Shapes: D devices under pmap, A parts of a batch.
"""

from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax import optim
from effjax.config import View
from effjax.contract import Apply, Batch, Metrics, Task, TrainState
from effjax.devices.layout import Layout, Shares
from effjax.training.frozen import frozen_layers, keep_frozen
from effjax.training.groups import Groups

Step = Callable[[TrainState, Batch, Hashable], tuple[TrainState, dict[str, jax.Array]]]


class DeviceMean:
    """Means over the devices of a pmap, each device weighed by its valid examples.

    Args:
      axis: the name of the pmap axis; None: the arrays are global, and there is nothing to do.
      weight: of this device.
    """

    def __init__(self, axis: str | None, weight: jax.Array | float):
        self.axis = axis
        if axis is not None:
            weight = jnp.asarray(weight, jnp.float32)
            mean = jax.lax.pmean(weight, axis)
            # exactly 1 for equally many valid examples: a mean then rounds as without weights
            self._share = jnp.where(mean > 0, weight / jnp.where(mean > 0, mean, 1.0), 0.0)

    def __call__(self, tree: Any) -> Any:
        """The mean of every array of a tree, in float32 at least."""
        tree = jax.tree.map(_at_least_float32, tree)
        if self.axis is None:
            return tree
        shared = jax.tree.map(lambda x: x * self._share.astype(x.dtype), tree)
        return jax.lax.pmean(shared, self.axis)


def make_apply(groups: Groups, shares: Shares, mean: DeviceMean) -> Apply:
    """The loop's `apply`: mean over devices, guard, clip, optimizers.

    Parameters come and go whole; between, each device updates what it owns. `state.bad` counts the
    groups of one step whose gradients were not finite.
    """

    def apply(
        state: TrainState,
        grads: Any,
        only: str | None = None,
        value: jax.Array | None = None,
        value_fn: Callable[[Any], jax.Array] | None = None,
    ) -> TrainState:
        grads = shares.own_gradients(mean(grads))
        params = shares.own(state.params)
        opt_state = dict(state.opt_state)
        norms = dict(state.grad_norm)
        bad = state.bad
        for name in groups.transforms if only is None else (only,):
            picked = groups.pick(params, name)
            own_grads = groups.pick(grads, name)
            norms[name] = optax.tree.norm(own_grads).astype(jnp.float32)
            bad += ~jnp.isfinite(norms[name])
            own_state = optim.set_learning_rate(opt_state[name], groups.rates[name](state.step))

            def loss_of(picked: Any, name: str = name, params: Any = params) -> jax.Array:
                return mean(value_fn(shares.whole(groups.put_back(params, picked, name))))

            offered = {"grad": own_grads}
            if value is not None:
                offered["value"] = mean(value)
            if value_fn is not None:
                offered |= {"value_fn": loss_of, "obj_fn": loss_of}
            wanted = groups.wanted(name, offered)
            updates, opt_state[name] = groups.transforms[name].update(
                own_grads, own_state, picked, **wanted
            )
            params = groups.put_back(params, optax.apply_updates(picked, updates), name)
        return state.replace(
            params=shares.whole(params), opt_state=opt_state, grad_norm=norms, bad=bad
        )

    return apply


def make_step(
    task: Task,
    groups: Groups,
    config: View,
    layout: Layout,
    batch_axis: str | None,
    unpack: Callable[[Batch], Batch],
) -> Step:
    """step(state, batch, variant) -> (state after one update, metrics as scalars).

    Args:
      unpack: makes what the task sees of what was sent; pure.
    """
    skips = config.nonfinite == "skip"
    ema_decay, ema_warmup = config.ema.decay, config.ema.warmup

    def step(
        state: TrainState, batch: Batch, variant: Hashable = ()
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        batch = unpack(batch)
        rng = jax.random.fold_in(state.rng, state.step)
        shares = Shares(layout)
        mean = DeviceMean(batch_axis, _weight(task, batch, config.accumulate))
        before = state.replace(params=shares.whole(state.params), bad=jnp.zeros_like(state.bad))
        chosen = {} if variant == () else {"variant": variant}
        new, pairs = task.update(before, batch, rng, make_apply(groups, shares, mean), **chosen)
        layers = frozen_layers(new.params, groups.not_learned)
        new = new.replace(
            params=shares.own(new.params),
            model_state=keep_frozen(new.model_state, state.model_state, layers),
        )
        if ema_decay is not None:
            evaluated = groups.eval_params(new.params, new.opt_state)
            fresh = {"params": evaluated, "model_state": new.model_state}
            new = new.replace(ema=average(state.ema, fresh, state.step, ema_decay, ema_warmup))
        new = _count_bad(new, state, skips)
        metrics = _means(pairs, batch_axis) | _rates_and_norms(groups, new, state.step)
        return new.replace(step=state.step + 1), metrics | {"bad": new.bad}

    return step


def _weight(task: Task, batch: Batch, parts: int) -> jax.Array | float:
    """What this device's share of a batch weighs: with accumulation its arrays are [A, ...]."""
    return task.weight(batch) if parts == 1 else jax.vmap(task.weight)(batch).sum()


def _count_bad(new: TrainState, old: TrainState, skips: bool) -> TrainState:
    """`new` with the number of bad updates in a row; with `skips` a bad one leaves all as it was.

    The norms are of the update as it came, so that a row shows why it was left out.
    """
    finite = new.bad == 0
    bad = jnp.where(finite, 0, old.bad + 1)
    if skips:
        norms = new.grad_norm
        new = jax.tree.map(lambda n, o: jnp.where(finite, n, o), new, old)
        new = new.replace(grad_norm=norms)
    return new.replace(bad=bad)


def _means(pairs: Metrics, batch_axis: str | None) -> dict[str, jax.Array]:
    """{name: sum / weight} over all devices; NaN where no example was valid."""
    if batch_axis is not None:
        pairs = jax.lax.psum(pairs, batch_axis)
    return {
        name if "/" in name else f"train/{name}": total / weight
        for name, (total, weight) in pairs.items()
    }


def _rates_and_norms(groups: Groups, new: TrainState, step: jax.Array) -> dict[str, jax.Array]:
    metrics = {}
    for name, norm in new.grad_norm.items():
        suffix = "" if name == "default" else f"_{name}"
        metrics[f"optim/lr{suffix}"] = groups.rates[name](step)
        metrics[f"optim/grad_norm{suffix}"] = norm
    return metrics


def average(ema: Any, fresh: Any, step: jax.Array, decay: float, warmup: bool) -> Any:
    """The moving average after one more update; with `warmup` it follows quickly at first."""
    decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step)) if warmup else decay
    return jax.tree.map(
        lambda old, new: (decay * old + (1.0 - decay) * new).astype(old.dtype), ema, fresh
    )


def init_state(
    groups: Groups, rng: jax.Array, params: Any, model_state: Any, ema: bool
) -> TrainState:
    """The state before the first update; no two of its arrays share memory."""
    opt_state = groups.init(params)
    evaluated = {"params": groups.eval_params(params, opt_state), "model_state": model_state}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=opt_state,
        # bfloat16 would never move: one update changes it by less than it can resolve
        ema=jax.tree.map(lambda x: jnp.copy(_at_least_float32(x)), evaluated) if ema else None,
        rng=rng,
        grad_norm={name: jnp.zeros((), jnp.float32) for name in groups.transforms},
        bad=jnp.zeros((), jnp.int32),
    )


def _at_least_float32(x: jax.Array) -> jax.Array:
    """Floats below float32 raised to it; everything else as it is."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
