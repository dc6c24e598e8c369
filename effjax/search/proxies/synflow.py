"""SynFlow: the flow of ones through the absolute weights (https://arxiv.org/abs/2006.05467).

The score of a weight is abs(w dR/dw), R the sum of the logits of one input of ones when every
parameter and running average is replaced by its absolute value. In a chain of layers without biases
the scores of each layer sum to R.

That law needs a network that scales as its weights do. What does not is replaced (`homogeneous`):
norms are left out, activations pass what is positive, attention looks everywhere alike.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jax.extend.core import JaxprEqn

from effjax.models.blocks.norms import BatchNorm, LayerNorm
from effjax.search import saliency
from effjax.search.proxies.network import Apply, Pass, Variables
from effjax.search.proxies.replay import replay
from effjax.search.proxies.weights import fill_in, layer_weights

Norms = Literal["off", "train", "eval"]
NORMS = (BatchNorm, LayerNorm, nn.BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def synflow(
    apply: Apply, variables: Variables, image_shape: Sequence[int], norms: Norms = "off"
) -> Any:
    """abs(w dR/dw) for the weights of layers; a tree like the parameters, None elsewhere.

    Call it where JAX has 64-bit floats and hand float64 variables over: R grows with the depth.

    Args:
      image_shape: [H, W, C].
      norms: "off" leaves norms out (the default of scores); "train" keeps them with the statistics
        of the one input (`synflow_bn`); "eval" with their running averages.
    """
    positive = jax.tree.map(_absolute, variables)
    weights = layer_weights(positive["params"])
    dtype = jax.tree.leaves(weights)[0].dtype
    ones = jnp.ones((1, *image_shape), dtype)

    def flow(weights: Any) -> Array:
        given = {**positive, "params": fill_in(positive["params"], weights)}
        if norms != "off":
            return apply(given, ones, norms == "train").logits.sum()
        return homogeneous(apply)(given, ones, False).logits.sum()

    return saliency.synflow(flow, weights)


def _absolute(leaf: Array) -> Array:
    leaf = jnp.asarray(leaf)
    return jnp.abs(leaf) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def homogeneous(apply: Apply) -> Apply:
    """The same network without norms, its activations the identity on what is positive.

    GELU, SiLU and squared ReLU become x, a gate becomes 1, and softmax weighs all tokens alike, so
    that queries and keys have no part in the flow.
    """

    def run(variables: Variables, images: Array, train: bool) -> Pass:
        def forward(variables: Variables, images: Array) -> Pass:
            with nn.intercept_methods(_without_norms):
                return apply(variables, images, train)

        return replay(forward, RULES, variables, images)

    return run


def _without_norms(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
    if isinstance(context.module, NORMS) and context.method_name == "__call__":
        return args[0]
    return call(*args, **kwargs)


def _one(operation: JaxprEqn, operands: Sequence[Any]) -> list[Array]:
    return [jnp.ones_like(operands[0])]


def _same(operation: JaxprEqn, operands: Sequence[Any]) -> list[Array]:
    return [operands[0]]


def _same_if_square(operation: JaxprEqn, operands: Sequence[Any]) -> list[Array] | None:
    return [operands[0]] if operation.params["y"] == 2 else None


# The factor of a GELU (erf, tanh) or a SiLU (logistic) is 1 far on the positive side.
# The exponential of a softmax is 1 where all scores are equal.
RULES = {
    "erf": _one,
    "tanh": _one,
    "logistic": _one,
    "exp": _one,
    "square": _same,
    "integer_pow": _same_if_square,
}
