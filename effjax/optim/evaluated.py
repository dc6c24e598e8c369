"""Which parameters to evaluate, where these are not the ones that are trained."""

from collections.abc import Callable
from typing import Any

import jax
import optax

# of (parameters that are trained, state) -> parameters to evaluate
Evaluated = Callable[[optax.Params, Any], optax.Params]

_BY_STATE: dict[type, Evaluated] = {}


def evaluates(state_type: type) -> Callable[[Evaluated], Evaluated]:
    """Enters a function (params, state) -> parameters to evaluate, for states of one type."""

    def enter(function: Evaluated) -> Evaluated:
        _BY_STATE[state_type] = function
        return function

    return enter


def eval_params(params: optax.Params, opt_state: optax.OptState) -> optax.Params:
    """The parameters to evaluate, given those being trained and the optimizer's state.

    Lookahead and SLRLA: the slow weights. Schedule-free methods: the average x. Parameters below
    float32 that `create` trains: their float32 masters. Everything else, the Win family included:
    `params` itself. `opt_state` may be wrapped (chain, masked, multi_transform,
    inject_hyperparams, MultiSteps); of two such methods around one another the outer one counts.
    """
    # leaves() does not look inside of what it takes for a leaf: the outermost state counts
    types = tuple(_BY_STATE)

    def is_known(node: Any) -> bool:
        return isinstance(node, types)

    for node in jax.tree.leaves(opt_state, is_leaf=is_known):
        if is_known(node):
            params = _BY_STATE[type(node)](params, node)
    return params
