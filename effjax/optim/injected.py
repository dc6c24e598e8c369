"""The learning rate as part of the state."""

import jax
import jax.numpy as jnp
import optax

_Injected = optax.InjectStatefulHyperparamsState


def set_learning_rate(opt_state: optax.OptState, learning_rate: jax.Array) -> optax.OptState:
    """`opt_state` with another learning rate for the updates to come.

    `opt_state` belongs to `create_injected`, possibly inside chain, multi_transform or MultiSteps;
    every injected learning rate in it is set. Works on traced values; dtype and shape stay.

    Raises:
        ValueError: if no learning rate was injected.
    """
    found = []

    def replaced(node: object) -> object:
        if not _has_rate(node):
            return node
        found.append(node)
        # the same shape and dtype, or the compiled step would be another
        old = node.hyperparams["learning_rate"]
        new = jnp.broadcast_to(jnp.asarray(learning_rate, old.dtype), old.shape)
        return node._replace(hyperparams={**node.hyperparams, "learning_rate": new})

    opt_state = jax.tree.map(replaced, opt_state, is_leaf=_has_rate)
    if not found:
        raise ValueError("no injected learning rate in this state: make it with `create_injected`")
    return opt_state


# one node for each `create_injected` in the state, wherever it stands
def _has_rate(node: object) -> bool:
    return isinstance(node, _Injected) and "learning_rate" in node.hyperparams
