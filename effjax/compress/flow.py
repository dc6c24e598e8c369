"""Paths through a network: its program, run with numbers of paths in the place of activations.

A path leads from a number of the input to a number of the output along weights that are kept. With
every kept weight 1, every bias 0, norms left out and activations the identity, a network computes
the number of its paths (Patil and Dovrolis 2021; Pham et al. 2023, https://arxiv.org/abs/2306.05057).

The numbers grow beyond floats: each array is kept as `array * exp(log)`. Where two branches meet,
they are brought to one factor before they are added, so that shortcuts count for what they are.
DPaI's own count (`own_rule`) adds the branches with different factors, see `programs.log_paths`.

Conventions: a mean or a pool is a sum, so that every position is a path; a product of two branches
(a gate) is the larger one; what is made of one array number by number is that array; attention
weighs all tokens alike, so that queries and keys lie on no path.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, jaxprs_in_params
from jax.extend.core import Literal as Constant

from effjax.compress.path_rules import RULES, Value
from effjax.errors import UserError

# of one array, whose shape may change
MOVES = {
    "reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "slice", "rev", "copy",
    "reduce_sum", "reduce_window_sum", "cumsum", "dynamic_slice", "gather",
}  # fmt: skip
# of one array, number by number
POINTWISE = {
    "abs", "cbrt", "convert_element_type", "cos", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1",
    "integer_pow", "log", "log1p", "logistic", "neg", "optimization_barrier", "pow",
    "reduce_precision", "rsqrt", "sharding_constraint", "sign", "sin", "sqrt", "square",
    "stop_gradient", "tan", "tanh", "name", "clamp",
}  # fmt: skip
BINARY = {"add", "sub", "mul", "div", "max", "min", "select_n", "gt", "ge", "lt", "le"}
CALLS = {
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call",
    "custom_vjp_call", "custom_vjp_call_jaxpr",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Layer:
    """A product of paths with weights, in the order of the program.

    Attributes:
      leaf: the path of its weights.
      inputs: [I], log of the number of paths that reach each input channel, summed over positions.
    """

    leaf: str
    inputs: Any


@dataclasses.dataclass
class Run:
    """One run of a program.

    Attributes:
      own_rule: count as DPaI does.
      layers: the products that were met so far.
      log: with `own_rule` the logarithms of all divisors.
    """

    own_rule: bool = False
    layers: list[Layer] = dataclasses.field(default_factory=list)
    log: Any = 0.0

    # ------------------------------------------------------------------------------- programs

    def program(
        self,
        jaxpr: Jaxpr,
        constants: Sequence[Any],
        inputs: Sequence[Value],
    ) -> list:
        """The values of a program's outputs."""
        known: dict[Any, Value] = {}
        for variable, constant in zip(jaxpr.constvars, constants, strict=True):
            known[variable] = constant if isinstance(constant, Value) else Value(constant)
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(variable: Any) -> Value:
            if isinstance(variable, Constant):
                return Value(variable.val)
            return known[variable]

        for equation in jaxpr.eqns:
            values = [read(variable) for variable in equation.invars]
            outputs = self.equation(equation, values)
            known.update(zip(equation.outvars, outputs, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def equation(
        self,
        equation: JaxprEqn,
        values: list[Value],
    ) -> list[Value]:
        """The outputs of one operation."""
        name = equation.primitive.name
        has_paths = any(value.kind == "paths" for value in values)
        if name in CALLS:
            return self._call(equation, values)
        if not has_paths:
            return _without_paths(equation, values)
        if name in ("dot_general", "conv_general_dilated"):
            return [self._product(equation, *values)]
        if name in RULES:
            return [RULES[name](self, equation, *values)]
        if name in POINTWISE:
            (paths, *_) = [value for value in values if value.kind == "paths"]
            return [dataclasses.replace(paths, is_exponential=name == "exp")]
        if name == "split":
            (whole,) = values
            parts = _bind(equation, [whole.array])
            return [dataclasses.replace(whole, array=part) for part in parts]
        if name in MOVES:
            first, *others = values
            array = _bind(equation, [first.array, *(value.array for value in others)])[0]
            return [dataclasses.replace(first, array=array)]
        raise UserError(
            f"paths cannot be counted through the operation {name!r}\n"
            "take a score that needs no paths: magnitude, snip, grasp or synflow"
        )

    def _call(
        self,
        equation: JaxprEqn,
        values: list[Value],
    ) -> list[Value]:
        (inner,) = list(jaxprs_in_params(equation.params))[:1] or [None]
        shape = equation.outvars[0].aval.shape
        paths = [value for value in values if value.kind == "paths"]
        others = [value for value in values if value.kind != "paths"]
        only_paths = len(paths) == 1 and all(jnp.ndim(value.array) == 0 for value in others)
        if only_paths and paths[0].array.shape == shape and _is_pointwise(inner):
            return [paths[0]]  # an activation by its name: gelu, relu, silu, ...
        closed = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        constants = closed.consts if isinstance(closed, ClosedJaxpr) else ()
        return self.program(inner, constants, values)

    # ------------------------------------------------------------------------------- products

    def _product(
        self,
        equation: JaxprEqn,
        first: Value,
        second: Value,
    ) -> Value:
        """Paths times weights."""
        if first.kind == second.kind == "paths":  # scores of attention, which a softmax takes
            array = _bind(equation, [first.array, second.array])[0]
            return Value(array, "paths", first.log + second.log)
        paths, weights = (first, second) if first.kind == "paths" else (second, first)
        if weights.leaf is not None:
            self.layers.append(Layer(weights.leaf, _of_channels(equation, paths)))
        paths = self._divided(paths)
        pair = [paths.array, weights.array]
        if first.kind != "paths":
            pair.reverse()
        array = _bind(equation, pair)[0]
        return Value(array, "paths", paths.log)

    def _divided(self, paths: Value) -> Value:
        """Paths whose largest number is 1."""
        if self.own_rule:
            largest = paths.array.max()
            self.log = self.log + jnp.log(largest)
            return dataclasses.replace(paths, array=paths.array / largest)
        largest = lax.stop_gradient(paths.array.max())
        largest = jnp.where(largest > 0, largest, 1.0)
        return dataclasses.replace(
            paths, array=paths.array / largest, log=paths.log + jnp.log(largest)
        )


def _is_pointwise(jaxpr: Jaxpr) -> bool:
    """Whether a called function changes each number by itself, as an activation does."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name not in POINTWISE | BINARY | CALLS | {"broadcast_in_dim"}:
            return False
        if not all(_is_pointwise(inner) for inner in jaxprs_in_params(equation.params)):
            return False
    return True


def _bind(
    equation: JaxprEqn,
    arrays: Sequence[Any],
) -> list[Any]:
    """The operation on arrays, as the program has it."""
    parameters = equation.params
    if equation.primitive.name in ("dot_general", "conv_general_dilated"):
        # an operation may have been traced in another float
        wanted = jnp.result_type(*arrays)
        arrays = [jnp.asarray(array, wanted) for array in arrays]
        if parameters.get("preferred_element_type") is not None:
            parameters = {**parameters, "preferred_element_type": wanted}
    outputs = equation.primitive.bind(*arrays, **parameters)
    return outputs if equation.primitive.multiple_results else [outputs]


def _without_paths(
    equation: JaxprEqn,
    values: list[Value],
) -> list[Value]:
    """An operation on constants and parameters: computed as it is."""
    weights = [value for value in values if value.kind == "weight"]
    leaves = {value.leaf for value in weights}
    leaf = leaves.pop() if len(leaves) == 1 else None
    kind = "weight" if weights else "number"
    arrays = _bind(equation, [value.array for value in values])
    return [Value(array, kind, leaf=leaf) for array in arrays]


def _of_channels(
    equation: JaxprEqn,
    paths: Value,
) -> Any:
    """[I]: log of the numbers of paths that reach the input channels of a product."""
    if equation.primitive.name == "conv_general_dilated":
        axis = equation.params["dimension_numbers"].lhs_spec[1]
    else:
        (left, right), _ = equation.params["dimension_numbers"]
        is_left = equation.invars[0].aval.shape == paths.array.shape
        axis = (left if is_left else right)[0]
    others = tuple(number for number in range(paths.array.ndim) if number != axis)
    return jnp.log(paths.array.sum(others)) + paths.log
