"""Replays recorded optimizer trajectories (`optimizers.json`, `optimizers.npz`) on effjax.optim.

    case = json.load(...)["cases"][name]
    tracks = run_case(case, params0, noise)      # {"b": [30, 7], "s": [30], "w": [30, 5, 7], ...}

The gradient of step t is noise[t] + 0.1 * params. Arithmetic is in the dtype of `params0`.
"""

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
        if t in case["restart_before"]:
            state = optim.restart(state)
        grads = {k: jnp.asarray(noise[k][t]) + 0.1 * p for k, p in params.items()}
        params, state = step(params, state, grads, jnp.asarray(lr, dtype))
        rows.append(params | _sequences(state))
    return {k: np.stack([row[k] for row in rows]) for k in rows[0]}


def _sequences(state: Any) -> Tree:
    """The further sequences that a state holds, as `x/<name>`, `y/<name>`, `slow/<name>`."""
    is_kept = lambda node: isinstance(node, optim.WinState)  # noqa: E731
    rows = {}
    for node in jax.tree.leaves(state, is_leaf=is_kept):
        if is_kept(node):
            for label in ("x", "y"):
                rows |= {f"{label}/{k}": v for k, v in (getattr(node, label) or {}).items()}
    return rows


def make_optimizer(case: dict, lr: Any) -> optax.GradientTransformation:
    """The optimizer of a case at learning rate `lr`."""
    hyperparameters = dict(case["hyperparameters"])
    return METHODS[case["optimizer"]](lr, hyperparameters, **_decay(case, hyperparameters))


def _decay(case: dict, hyperparameters: dict) -> dict[str, Any]:
    """`weight_decay` and `mask` of a case, whose groups may differ in whether they decay."""
    everywhere = hyperparameters.pop("weight_decay", None)
    decays = {
        name: group.get("weight_decay", everywhere)
        for group in case["groups"]
        for name in group["params"]
    }
    rates = {decay for decay in decays.values() if decay}
    if len(rates) > 1:
        raise ValueError(f"groups with several positive decays: {sorted(rates)}")
    if set(decays.values()) == {None}:
        return {}
    mask = {name: bool(decay) for name, decay in decays.items()}
    return {"weight_decay": rates.pop() if rates else 0.0, "mask": mask}


def _adan(lr: Any, hyper: dict, **decay: Any) -> optax.GradientTransformation:
    hyper.pop("foreach", None)  # one rule, two implementations in the reference
    b1, b2, b3 = hyper.pop("betas", (0.98, 0.92, 0.99))
    return optim.adan(lr, b1, b2, b3, **hyper, **decay)


def _win(make: Any) -> Any:
    """A member of the Win family; its mode 'none' is the plain method of the same file."""

    def build(lr: Any, hyper: dict, **decay: Any) -> optax.GradientTransformation:
        betas, factors = hyper.pop("betas", None), tuple(hyper.pop("reckless_steps", (2.0, 8.0)))
        mode = hyper.pop("acceleration_mode")
        hyper |= dict(zip(("b1", "b2"), betas)) if betas else {}
        if mode == "none":
            return PLAIN[make](lr, **hyper, **decay)
        return make(lr, **hyper, **decay, factors=factors, mode=mode)

    return build


PLAIN = {optim.lamb_win: optim.lamb}
METHODS = {
    "adan": _adan,
    "sgd_win": _win(optim.sgd_win),
    "adam_win": _win(optim.adam_win),
    "adamw_win": _win(optim.adamw_win),
    "lamb_win": _win(optim.lamb_win),
}
