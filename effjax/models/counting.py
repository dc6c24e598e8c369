"""Parameters and multiply-adds, from shapes alone.

Multiply-adds are those of convolutions and matrix products, attention included. Norms,
activations, pooling and biases are not counted, as in published tables.
"""

import dataclasses
import math
from typing import Any

import jax
from flax import linen as nn
from jax.extend.core import Jaxpr, JaxprEqn, jaxprs_in_params

from effjax.models.base import ImageModel
from effjax.models.blocks.plain import plain_layers
from effjax.models.registry import abstract_variables


@dataclasses.dataclass(frozen=True)
class Cost:
    """Numbers of parameters (all, and those that are learned) and multiply-adds of one example."""

    params: int
    trainable: int
    macs: int


def cost(model: ImageModel, input_shape: tuple[int, ...] = (224, 224, 3)) -> Cost:
    """Count `model` for one example of `input_shape` [H, W, C]."""
    inputs = model.example_inputs((1, *input_shape))
    variables = abstract_variables(model, input_shape)
    trainable = _size(variables["params"])
    # Frozen tensors are part of a network; running averages are not.
    frozen = _size(variables.get("constants", {}))
    with nn.intercept_methods(plain_layers):
        program = jax.make_jaxpr(model.apply)(variables, *inputs)
    return Cost(trainable + frozen, trainable, _macs(program.jaxpr))


def _size(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _macs(program: Jaxpr) -> int:
    return sum(_macs_of(equation) for equation in program.eqns)


def _macs_of(equation: JaxprEqn) -> int:
    outputs = math.prod(equation.outvars[0].aval.shape)
    if equation.primitive.name == "dot_general":
        # Each output is a sum over the contracted axes of the first factor.
        (contracted, _), _ = equation.params["dimension_numbers"]
        first = equation.invars[0].aval.shape
        return outputs * math.prod(first[axis] for axis in contracted)
    if equation.primitive.name == "conv_general_dilated":
        # Each output is a sum over the kernel of its feature.
        kernel = equation.invars[1].aval.shape
        feature_axis = equation.params["dimension_numbers"].rhs_spec[0]
        return outputs * math.prod(kernel) // kernel[feature_axis]
    # A scan runs its body several times; other operations hold programs that run once.
    repeats = equation.params["length"] if equation.primitive.name == "scan" else 1
    inner = jaxprs_in_params(equation.params)
    return repeats * sum(_macs(program) for program in inner)
