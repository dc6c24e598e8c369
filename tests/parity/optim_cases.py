"""Replays recorded optimizer trajectories (`optimizers.json`, `optimizers.npz`) on effjax.optim.

    case = json.load(...)["cases"][name]
    tracks = run_case(case, params0, noise)      # {"b": [30, 7], "s": [30], "w": [30, 5, 7], ...}

The gradient of step t is noise[t] + 0.1 * params. Arithmetic is in the dtype of `params0`.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import effjax.optim as optim

Tree = dict[str, Any]


def run_case(case: dict, params0: Tree, noise: Tree) -> dict[str, np.ndarray]:
    """The trajectory of one recorded case.

    Args:
        case: an entry of `optimizers.json`: optimizer, lr, groups, hyperparameters, wrap, slr,
            restart_before.
        params0: name -> initial values.
        noise: name -> noise of the gradient, first axis = step.

    Returns:
        Name -> values after each step; with `slow/`, `x/` and `y/` in front where the case's method
        keeps such a sequence.
    """
    x64 = any(np.asarray(p).dtype == np.float64 for p in params0.values())
    with jax.enable_x64(x64):
        return _run(case, params0, noise)


def _run(case: dict, params0: Tree, noise: Tree) -> dict[str, np.ndarray]:
    params = {k: jnp.asarray(p) for k, p in params0.items()}
    state = make_optimizer(case, 1.0).init(params)

    @jax.jit
    def step(params: Tree, state: Any, grads: Tree, lr: jax.Array) -> tuple[Tree, Any]:
        updates, state = make_optimizer(case, lr).update(grads, state, params)
        return optax.apply_updates(params, updates), state

    dtype = jnp.result_type(*params.values())
    rows = []
    for t, lr in enumerate(case["lr"]):
        if t in case.get("restart_before", ()):
            state = optim.restart(state)
        grads = {k: jnp.asarray(noise[k][t]) + 0.1 * p for k, p in params.items()}
        params, state = step(params, state, grads, jnp.asarray(lr, dtype))
        state = _momentum_after_sync(case, state, t)
        rows.append(params | _sequences(state))
    return {k: np.stack([row[k] for row in rows]) for k in rows[0]}


def _sequences(state: Any) -> Tree:
    """The further sequences that a state holds, as `x/<name>`, `y/<name>`, `slow/<name>`."""
    kinds = (optim.WinState, optim.LookaheadState)
    rows = {}
    for node in jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, kinds)):
        for label in ("x", "y", "slow"):
            rows |= {f"{label}/{k}": v for k, v in (getattr(node, label, None) or {}).items()}
        rows |= _sequences(getattr(node, "inner", ()))  # a Win inside a Lookahead
    return rows


def make_optimizer(case: dict, lr: Any) -> optax.GradientTransformation:
    """The optimizer of a case at learning rate `lr`."""
    hyper = {k: v for k, v in case["hyperparameters"].items() if k not in IMPLEMENTATIONS}
    decay = _decay(case, hyper)
    names = ("b1", "b2", "b3") if case["optimizer"] == "adan" else ("b1", "b2")
    hyper |= dict(zip(names, hyper.pop("betas", ())))
    tx = METHODS[case["optimizer"]](lr, hyper, decay)
    return _wrapped(tx, case.get("wrap"), case.get("slr"))


def _decay(case: dict, hyper: dict) -> dict[str, Any]:
    """`weight_decay` and `mask` of a case: its groups may have decays of their own."""
    everywhere = hyper.pop("weight_decay", DEFAULT_DECAY.get(case["optimizer"], 0.0))
    decays = {
        name: group.get("weight_decay", everywhere)
        for group in case["groups"]
        for name in group["params"]
    }
    largest = max(decays.values())
    mask = {name: decay / largest if largest else 0.0 for name, decay in decays.items()}
    return {"weight_decay": largest, "mask": mask}


def _wrapped(tx: Any, wrap: dict | None, slr: dict | None) -> optax.GradientTransformation:
    """`tx` inside the Lookahead and behind the local penalty of a case."""
    if wrap is None:
        return optax.chain(optim.add_local_penalty(slr["beta"], slr["steps"]), tx) if slr else tx
    reset = "reset" if wrap["pullback_momentum"] == "reset" else "none"
    arguments = (tx, wrap["la_steps"], wrap["la_alpha"])
    if slr is None:
        return optim.lookahead(*arguments, inner_state=reset)
    penalty = {"penalty": slr["beta"], "penalty_period": slr["steps"]}
    return optim.slrla(*arguments, **penalty, inner_state=reset)


def _momentum_after_sync(case: dict, state: Any, t: int) -> Any:
    """What the reference does to the momentum of SGD at a sync beside what is meant.

    `pullback` caches the live buffer instead of a copy: the first sync scales the momentum by
    alpha, every later one by alpha (2 - alpha). `optim.lookahead` interpolates with a true copy, as
    was meant; the effect belongs to the recording and is replayed here. `reset` leaves a buffer of
    zeros that counts as begun, so that the next gradient is dampened.
    """
    wrap = case.get("wrap")
    if wrap is None or wrap["pullback_momentum"] == "none" or (t + 1) % wrap["la_steps"]:
        return state
    alpha = wrap["la_alpha"]
    factor = alpha if t < wrap["la_steps"] else alpha * (2 - alpha)

    def changed(node: Any) -> Any:
        if not isinstance(node, optim.MomentumState):
            return node
        if wrap["pullback_momentum"] == "reset":
            return node._replace(count=jnp.maximum(node.count, 1))
        return node._replace(buffer=jax.tree.map(lambda m: factor * m, node.buffer))

    is_momentum = lambda node: isinstance(node, optim.MomentumState)  # noqa: E731
    return jax.tree.map(changed, state, is_leaf=is_momentum)


def _adan(lr: Any, hyper: dict, decay: dict) -> optax.GradientTransformation:
    return optim.adan(lr, **hyper, **decay)


def _win(accelerated: Callable, plain: Callable, default: str = "none") -> Callable:
    """A member of the Win family, or the plain method that is mode 'none' of the same file."""

    def build(lr: Any, hyper: dict, decay: dict) -> optax.GradientTransformation:
        mode = hyper.pop("acceleration_mode", default)
        factors = tuple(hyper.pop("reckless_steps", (2.0, 8.0)))
        if mode == "none":
            return plain(lr, hyper, decay)
        return accelerated(lr, **hyper, **decay, factors=factors, mode=mode)

    return build


def _sgd_win(
    lr: Any, *, eps: float = 1e-8, max_grad_norm: float | None = None, **hyper: Any
) -> Any:
    """SGD-Win, whose eps is only that of the clipping."""
    return optax.chain(optim.clip_by_norm(max_grad_norm, eps), optim.sgd_win(lr, **hyper))


def _lamb(lr: Any, hyper: dict, decay: dict) -> optax.GradientTransformation:
    return optim.lamb(lr, **hyper, **decay)


def _clip(hyper: dict) -> optax.GradientTransformation:
    return optim.clip_by_norm(hyper.pop("max_grad_norm", None), hyper.get("eps", 1e-8))


def _sgd(lr: Any, hyper: dict, decay: dict, **defaults: Any) -> optax.GradientTransformation:
    hyper = defaults | hyper
    clip, _ = _clip(hyper), hyper.pop("eps", None)
    buffer = optim.scale_by_momentum(**hyper)
    return optax.chain(clip, optim.add_coupled_decay(**decay), buffer, optim.step_with_decay(lr))


def _adam(lr: Any, hyper: dict, decay: dict, **fields: Any) -> optax.GradientTransformation:
    clip, moments = _clip(hyper), optim.scale_by_moments(**hyper, **fields)
    return optax.chain(clip, optim.add_coupled_decay(**decay), moments, optim.step_with_decay(lr))


def _adamw(lr: Any, hyper: dict, decay: dict) -> optax.GradientTransformation:
    step = optim.step_with_decay(lr, **decay, proximal=False)
    return optax.chain(_clip(hyper), optim.scale_by_moments(**hyper), step)


DEFAULT_DECAY = {"adamw_win": 0.01, "lamb_win": 0.01, "torch_adamw": 0.01}

# Several implementations of one rule in the reference.
IMPLEMENTATIONS = ("foreach", "fused", "capturable", "differentiable")

METHODS = {
    "adan": _adan,
    "sgd_win": _win(_sgd_win, functools.partial(_sgd, momentum=0.9, nesterov=True), "win"),
    "adam_win": _win(optim.adam_win, functools.partial(_adam, early_eps=True)),
    "adamw_win": _win(optim.adamw_win, _adamw),
    "lamb_win": _win(optim.lamb_win, _lamb),
    "torch_sgd": functools.partial(_sgd, momentum=0.0),
    "torch_adam": _adam,
    "torch_adamw": _adamw,
}
