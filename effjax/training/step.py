"""The training step: a task's update with the loop's share in it, as one function to compile.

Shapes: A parts of a batch.
"""

import copy
from collections.abc import Callable, Hashable, Set

import jax
import jax.numpy as jnp

from effjax.config import UNITS, View
from effjax.contract import Batch, Metrics, Task, TrainState
from effjax.devices.layout import Layout, Shares
from effjax.training.apply import make_apply
from effjax.training.device_mean import DeviceMean
from effjax.training.first_state import moved_average
from effjax.training.frozen import frozen_layers, keep_frozen
from effjax.training.groups import Groups
from effjax.training.layer_norms import LEAVES, METRIC, LayerNorms

Scalars = dict[str, jax.Array]  # {metric: value}
Step = Callable[[TrainState, Batch, Hashable], tuple[TrainState, Scalars]]


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
      layout: which device owns which part of the parameters.
      batch_axis: the name of the pmap axis, or None.
      unpack: makes what the task sees of what was sent; pure.
    """
    parts = config.accumulate
    skips = config.nonfinite == "skip"
    ema_decay = config.ema.decay
    ema_warmup = config.ema.warmup
    layers_of = LayerNorms if logs_norms(config) else lambda params: None

    def step(state: TrainState, batch: Batch, variant: Hashable = ()) -> tuple[TrainState, Scalars]:
        batch = unpack(batch)
        rng = jax.random.fold_in(state.rng, state.step)
        shares = Shares(layout)
        mean = DeviceMean(batch_axis, _weight(task, batch, parts))
        waiting = task.waiting(variant)
        not_learned = groups.not_learned_while(waiting)
        layers = layers_of(state.params)
        apply = make_apply(groups, shares, mean, waiting, layers)
        # `bad` counts within this step until `_settle`: a task may call `apply` several times
        no_bad = jnp.zeros_like(state.bad)
        before = state.replace(params=shares.whole(state.params), bad=no_bad)
        if layers is not None:
            before = before.replace(grad_norm={**state.grad_norm, LEAVES: layers.nothing()})
        # a task without variants need not take the argument
        chosen = {}
        if variant != ():
            chosen["variant"] = variant
        new, pairs = _learning(task, not_learned).update(before, batch, rng, apply, **chosen)
        frozen = frozen_layers(new.params, not_learned)
        grad_norm = dict(new.grad_norm)
        squares = grad_norm.pop(LEAVES, None)
        new = new.replace(
            params=shares.own(new.params),
            model_state=keep_frozen(new.model_state, state.model_state, frozen),
            grad_norm=grad_norm,
        )
        if ema_decay is not None:
            new = _average(new, state, groups, ema_decay, ema_warmup)
        new = _settle(new, state, skips)
        metrics = _means(pairs, batch_axis)
        metrics |= _rates_and_norms(groups, new, state.step, waiting)
        if layers is not None:
            updates = layers.of_update(new.params, state.params)
            metrics[METRIC] = layers.by_layer(squares, updates)
        metrics["bad"] = new.bad
        return new.replace(step=state.step + 1), metrics

    return step


def logs_norms(config: View) -> bool:
    """Whether `log.norms_every_*` asks for the norms of layers."""
    return any(config.log[f"norms_every_{unit}"] is not None for unit in UNITS)


def _learning(task: Task, not_learned: frozenset[str]) -> Task:
    """The task with these parameters left alone."""
    if not_learned == task.not_learned:
        return task
    # a copy: what is traced for one variant must not be seen by the next
    chosen = copy.copy(task)
    chosen.not_learned = not_learned
    return chosen


def _average(
    new: TrainState, old: TrainState, groups: Groups, decay: float, warmup: bool
) -> TrainState:
    """`new` with the average moved towards what would be evaluated."""
    evaluated = groups.eval_params(new.params, new.opt_state)
    fresh = {
        "params": evaluated,
        "model_state": new.model_state,
    }
    ema = moved_average(old.ema, fresh, old.step, decay, warmup)
    return new.replace(ema=ema)


def _weight(task: Task, batch: Batch, parts: int) -> jax.Array | float:
    """The weight of this device's share of a batch."""
    if parts == 1:
        return task.weight(batch)
    return jax.vmap(task.weight)(batch).sum()  # the arrays are [A, B / A, ...]


def _settle(new: TrainState, old: TrainState, skips: bool) -> TrainState:
    """`new` with the number of bad updates in a row.

    With `skips` a bad update leaves all as it was: parameters, optimizers, averages, model state.
    """
    finite = new.bad == 0
    bad = jnp.where(finite, 0, old.bad + 1)
    if not skips:
        return new.replace(bad=bad)

    def choose(now: jax.Array, before: jax.Array) -> jax.Array:
        return jnp.where(finite, now, before)

    kept = jax.tree.map(choose, new, old)
    # the norms stay those of the update, so that its row shows why it was left out
    return kept.replace(bad=bad, grad_norm=new.grad_norm)


def _means(pairs: Metrics, batch_axis: str | None) -> Scalars:
    """{name: sum / weight} over all devices; NaN where no example was valid."""
    if batch_axis is not None:
        pairs = jax.lax.psum(pairs, batch_axis)
    means = {}
    for name, (total, weight) in pairs.items():
        # a task may name another group of metrics, as in "search/cost"
        full = name if "/" in name else f"train/{name}"
        means[full] = total / weight
    return means


def _rates_and_norms(
    groups: Groups, new: TrainState, step: jax.Array, waiting: Set[str]
) -> Scalars:
    """Learning rate and gradient norm of each group; "default" goes without its name.

    A group that waits has a rate of 0.
    """
    metrics = {}
    for name, norm in new.grad_norm.items():
        suffix = f"_{name}"
        if name == "default":
            suffix = ""
        rate = groups.rates[name](step)
        metrics[f"optim/lr{suffix}"] = jnp.zeros_like(rate) if name in waiting else rate
        metrics[f"optim/grad_norm{suffix}"] = norm
    return metrics
