"""Exact parameter and multiply-add counts, without computing anything.

One MAC is one multiply-add of a convolution, a matrix product or an attention product; norms,
activations and pooling are not counted. What is counted is the architecture: a depthwise
convolution costs the same whichever way it is computed.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.extend.core import Jaxpr, JaxprEqn, jaxprs_in_params

from effjax.models.base import ImageModel
from effjax.models.blocks.layers import DepthwiseConv
from effjax.models.blocks.mixers import Pooling
from effjax.models.registry import abstract_variables
from effjax.ops import depthwise_conv_reference


@dataclasses.dataclass(frozen=True)
class Cost:
    """Numbers of parameters (all, and those that are learned) and multiply-adds of one example."""

    params: int
    trainable: int
    macs: int


def cost(model: ImageModel, input_shape: tuple[int, ...] = (224, 224, 3)) -> Cost:
    """Count `model` for one example of `input_shape` [H, W, C]."""
    images = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    variables = abstract_variables(model, input_shape)
    trainable = _size(variables["params"])
    with nn.intercept_methods(_as_plain_operations):
        program = jax.make_jaxpr(model.apply)(variables, images)
    return Cost(trainable + _size(variables.get("constants", {})), trainable, _macs(program.jaxpr))


def _size(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _as_plain_operations(
    call: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext
) -> Any:
    """Let the layers that have several implementations show what they mean."""
    layer = context.module
    if context.method_name == "__call__" and isinstance(layer, DepthwiseConv):
        kernel = layer.variables["params"]["kernel"]
        return depthwise_conv_reference(args[0], kernel.astype(args[0].dtype))
    if context.method_name == "__call__" and isinstance(layer, Pooling):
        return args[0]
    return call(*args, **kwargs)


def _macs(program: Jaxpr) -> int:
    return sum(_macs_of(eqn) for eqn in program.eqns)


def _macs_of(eqn: JaxprEqn) -> int:
    output = math.prod(eqn.outvars[0].aval.shape)
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return output * math.prod(eqn.invars[0].aval.shape[axis] for axis in contracted)
    if eqn.primitive.name == "conv_general_dilated":
        kernel = eqn.invars[1].aval.shape
        features = kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
        return output * math.prod(kernel) // features
    repeats = eqn.params["length"] if eqn.primitive.name == "scan" else 1
    return repeats * sum(_macs(inner) for inner in jaxprs_in_params(eqn.params))
