"""The training step: a task's update with the loop's share in it, as one function to compile."""

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax import optim
from effjax.config import Clock, View
from effjax.contract import Apply, Batch, Task, TrainState
from effjax.devices.layout import Layout, Shares
from effjax.errors import UserError, nearest
from effjax.runs.schema import OptimConfig

FROZEN = "frozen"


@dataclass(frozen=True)
class Groups:
    """Which optimizer and which learning rate serve which parameters.

    Attributes:
      labels: a tree of names like the parameters.
      transforms: {name: optimizer whose learning rate is part of its state}.
      rates: {name: step -> learning rate}.
    """

    labels: Any
    transforms: dict[str, optax.GradientTransformation]
    rates: dict[str, Callable[[jax.Array], jax.Array]]

    def pick(self, tree: Any, name: str) -> Any:
        """The leaves of one group; the others become empty nodes."""
        return jax.tree.map(
            lambda leaf, label: leaf if label == name else optax.MaskedNode(), tree, self.labels
        )

    def put_back(self, tree: Any, picked: Any, name: str) -> Any:
        """`tree` with the leaves of one group replaced by the `picked` ones."""
        return jax.tree.map(
            lambda old, label, new: new if label == name else old, tree, self.labels, picked
        )

    def init(self, params: Any) -> dict[str, Any]:
        """{name: optimizer state}."""
        return {name: tx.init(self.pick(params, name)) for name, tx in self.transforms.items()}

    def eval_params(self, params: Any, opt_state: dict[str, Any]) -> Any:
        """What is to be evaluated: slow weights, a schedule-free average, or the parameters."""
        for name in self.transforms:
            picked = optim.eval_params(self.pick(params, name), opt_state[name])
            params = self.put_back(params, picked, name)
        return params


def make_groups(config: View, clock: Clock, params: Any, labels: Any) -> Groups:
    """Optimizers and learning rates as `config.optim` and `config.schedule` say.

    Raises:
      UserError: a group without optimizer, an optimizer without group, a wrong name or value.
    """
    names = sorted(set(jax.tree.leaves(labels)) - {FROZEN})
    for name in names:
        if name not in config.optim:
            known = nearest(name, config.optim)
            raise UserError(
                f"parameters are labelled {name!r}, but config.optim has no such entry; {known}"
            )
    transforms, rates = {}, {}
    for name in names:
        section = config.optim[name]
        try:
            rates[name] = _make_rate(config.schedule, clock, section.learning_rate)
        except (ValueError, TypeError) as error:
            raise UserError(f"config.schedule: {error}") from error
        try:
            transforms[name] = _make_transform(section, Groups(labels, {}, {}).pick(params, name))
        except (ValueError, TypeError) as error:
            raise UserError(f"config.optim.{name}: {error}") from error
    groups = Groups(labels, transforms, rates)
    for name, transform in transforms.items():
        try:  # hyperparameters and decay rules are looked at when the state or an update is made
            picked = groups.pick(params, name)
            jax.eval_shape(transform.init, picked)
            optim.match_rules(config.optim[name].decay, picked, what="weight decay")
        except (ValueError, TypeError) as error:
            raise UserError(f"config.optim.{name}: {error}") from error
    return groups


def not_learned(labels: Any) -> frozenset[str]:
    """Paths of the parameters that no optimizer serves."""
    named = zip(optim.parameter_paths(labels), jax.tree.leaves(labels), strict=True)
    return frozenset(path for path, label in named if label == FROZEN)


def _make_transform(section: View, params: Any) -> optax.GradientTransformation:
    rules = section.decay
    fields = {}
    if section.lr_scale or section.layer_decay is not None:
        fields["lr_scale"] = _lr_scale(section, params)

    def decays(params: Any) -> Any:
        return optim.match_rules(rules, params, what="weight decay")

    return optim.create_injected(
        section.name,
        learning_rate=section.learning_rate,
        weight_decay=section.weight_decay,
        mask=decays,
        clip_norm=section.clip_norm,
        **fields,
        **section.extras(*(field.name for field in dataclasses.fields(OptimConfig))),
    )


def _lr_scale(section: View, params: Any) -> Any:
    """The factor of the learning rate of each leaf; every rule must serve one."""
    scales = optim.match_rules((*section.lr_scale, (r"", 1.0)), params, what="the learning rate")
    idle = optim.unused_rules(section.lr_scale, params)
    if idle:
        raise ValueError(f"the rule {idle[0]!r} of lr_scale decides for no parameter")
    if section.layer_decay is None:
        return scales
    by_layer = optim.layer_scales(params, section.layer_decay)
    return jax.tree.map(lambda a, b: a * b, scales, by_layer)


def _make_rate(schedule: View, clock: Clock, peak: float) -> Callable[[jax.Array], jax.Array]:
    warmup = clock.steps(schedule, "warmup", 0)
    if warmup > clock.total_steps:
        raise UserError(f"warm-up takes {warmup} steps of a run of {clock.total_steps}")
    known = (
        "name",
        *(key for key in schedule if key.startswith("warmup_") and key != "warmup_init"),
    )
    return optim.create_schedule(
        schedule.name,
        peak=peak,
        total_steps=clock.total_steps,
        warmup_steps=warmup,
        **schedule.extras(*known),
    )


def make_apply(
    groups: Groups, shares: Shares, batch_axis: str | None, skip_nonfinite: bool
) -> Apply:
    """The loop's `apply(state, grads, only=None)`: mean over devices, guard, clip, optimizers.

    Parameters come and go whole; between, each device updates what it owns.
    """

    def apply(state: TrainState, grads: Any, only: str | None = None) -> TrainState:
        if batch_axis is not None:
            grads = jax.lax.pmean(grads, batch_axis)
        grads, state = shares.own_gradients(grads), state.replace(params=shares.own(state.params))
        params, opt_state, norms = state.params, dict(state.opt_state), dict(state.grad_norm)
        finite = jnp.asarray(True)
        for name in groups.transforms if only is None else (only,):
            picked, own_grads = groups.pick(params, name), groups.pick(grads, name)
            norms[name] = optax.tree.norm(own_grads).astype(jnp.float32)
            finite &= jnp.isfinite(norms[name])
            rate = groups.rates[name](state.step)
            own_state = optim.set_learning_rate(opt_state[name], rate)
            updates, opt_state[name] = groups.transforms[name].update(own_grads, own_state, picked)
            params = groups.put_back(params, optax.apply_updates(picked, updates), name)
        new = state.replace(params=params, opt_state=opt_state, bad=state.bad * 0)
        old = state.replace(bad=state.bad + 1)
        if skip_nonfinite:
            new = jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, old)
        else:
            new = new.replace(bad=jnp.where(finite, new.bad, old.bad))
        return new.replace(params=shares.whole(new.params), grad_norm=norms)

    return apply


def make_step(
    task: Task,
    groups: Groups,
    config: View,
    layout: Layout,
    batch_axis: str | None,
    unpack: Callable[[Batch], Batch],
) -> Callable[[TrainState, Batch, Hashable], tuple[TrainState, dict[str, jax.Array]]]:
    """step(state, batch, variant) -> (state after one update, metrics as scalars)."""
    skips = config.nonfinite == "skip"
    ema_decay, ema_warmup = config.ema.decay, config.ema.warmup

    def step(state: TrainState, batch: Batch, variant: Hashable = ()) -> tuple[TrainState, dict]:
        rng = jax.random.fold_in(state.rng, state.step)
        chosen = {} if variant == () else {"variant": variant}
        shares = Shares(layout)
        apply = make_apply(groups, shares, batch_axis, skips)
        whole = state.replace(params=shares.whole(state.params))
        new, pairs = task.update(whole, unpack(batch), rng, apply, **chosen)
        new = new.replace(params=shares.own(new.params))
        if batch_axis is not None:
            pairs = jax.lax.psum(pairs, batch_axis)
        metrics = {
            name if "/" in name else f"train/{name}": total / weight
            for name, (total, weight) in pairs.items()
        }
        for name, norm in new.grad_norm.items():
            suffix = "" if name == "default" else f"_{name}"
            metrics[f"optim/lr{suffix}"] = groups.rates[name](state.step)
            metrics[f"optim/grad_norm{suffix}"] = norm
        if ema_decay is not None:
            evaluated = groups.eval_params(new.params, new.opt_state)
            fresh = {"params": evaluated, "model_state": new.model_state}
            new = new.replace(ema=_average(state.ema, fresh, state.step, ema_decay, ema_warmup))
        metrics["bad"] = new.bad
        return new.replace(step=state.step + 1), metrics

    return step


def _average(ema: Any, fresh: Any, step: jax.Array, decay: float, warmup: bool) -> Any:
    decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step)) if warmup else decay
    return jax.tree.map(
        lambda old, new: (decay * old + (1.0 - decay) * new).astype(new.dtype), ema, fresh
    )


def init_state(
    groups: Groups, rng: jax.Array, params: Any, model_state: Any, ema: bool
) -> TrainState:
    """The state before the first update; no two of its arrays share memory."""
    opt_state = groups.init(params)
    average = {"params": groups.eval_params(params, opt_state), "model_state": model_state}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=opt_state,
        ema=jax.tree.map(jnp.copy, average) if ema else None,
        rng=rng,
        grad_norm={name: jnp.zeros((), jnp.float32) for name in groups.transforms},
        bad=jnp.zeros((), jnp.int32),
    )
