"""What becomes of numbers of paths where they meet something: the rules behind `flow.py`.

A rule is a function (run, equation, *values) -> value. `run.own_rule` says whether paths are
counted as DPaI's code does.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn

Kind = Literal["number", "weight", "paths"]


@dataclasses.dataclass(frozen=True)
class Value:
    """An array of the program.

    Attributes:
      array: for paths their numbers, divided by exp(log).
      kind: a constant, something made of parameters, or numbers of paths.
      log: logarithm of the factor of `array`.
      leaf: the parameter that a weight is made of; None for several or none.
      is_exponential: whether it comes out of an exponential: divided by its sum it is a softmax.
    """

    array: Any
    kind: Kind = "number"
    log: Any = 0.0
    leaf: str | None = None
    is_exponential: bool = False


def _aligned(
    run: Any,
    first: Value,
    second: Value,
) -> tuple[Any, Any, Any]:
    """Two arrays of paths with one factor, and its logarithm."""
    if run.own_rule:  # the branches keep the factors that they happen to have
        return first.array, second.array, 0.0
    common = jnp.maximum(first.log, second.log)
    common = lax.stop_gradient(common)
    one = first.array * jnp.exp(first.log - common)
    other = second.array * jnp.exp(second.log - common)
    return one, other, common


def _add(
    run: Any,
    equation: JaxprEqn,
    first: Value,
    second: Value,
) -> Value:
    if first.array is second.array:  # a function of one array, such as x + 0.04 x^3
        return first
    if first.kind == second.kind == "paths":
        one, other, log = _aligned(run, first, second)
        return Value(one + other, "paths", log)
    paths, other = (first, second) if first.kind == "paths" else (second, first)
    if other.kind == "weight":  # a bias
        return dataclasses.replace(paths, array=paths.array + other.array * jnp.exp(-paths.log))
    return _widened(equation, paths)


def _multiply(
    run: Any,
    equation: JaxprEqn,
    first: Value,
    second: Value,
) -> Value:
    if first.array is second.array:
        return first
    if first.kind == second.kind == "paths":  # a gate
        one, other, log = _aligned(run, first, second)
        return Value(jnp.maximum(one, other), "paths", log)
    paths, other = (first, second) if first.kind == "paths" else (second, first)
    if other.kind == "weight":
        return dataclasses.replace(paths, array=paths.array * other.array)
    return _widened(equation, paths)


def _divide(
    run: Any,
    equation: JaxprEqn,
    first: Value,
    second: Value,
) -> Value:
    if first.is_exponential and second.kind == "paths":  # a softmax: all tokens weigh alike
        return Value(jnp.ones(first.array.shape, first.array.dtype))
    if first.kind != "paths":
        return _widened(equation, second)
    if run.own_rule and second.kind == "number":  # DPaI keeps means
        return dataclasses.replace(first, array=first.array / second.array)
    return _widened(equation, first)


def _either(
    run: Any,
    equation: JaxprEqn,
    first: Value,
    second: Value,
) -> Value:
    """The larger of two: of a number and paths the paths, of two paths both are ways."""
    if first.kind == second.kind == "paths":
        return _add(run, equation, first, second)
    paths = first if first.kind == "paths" else second
    return _widened(equation, paths)


def _widened(
    equation: JaxprEqn,
    paths: Value,
) -> Value:
    """Paths in the shape of an operation's output."""
    shape = equation.outvars[0].aval.shape
    if paths.array.shape == shape:
        return paths
    return dataclasses.replace(paths, array=jnp.broadcast_to(paths.array, shape))


def _all_aligned(values: Sequence[Value]) -> tuple[list[Any], Any]:
    """Arrays with one factor; what is no path has none: zeros."""
    logs = jnp.stack([value.log * jnp.ones(()) for value in values if value.kind == "paths"])
    common = lax.stop_gradient(logs.max())
    arrays = []
    for value in values:
        if value.kind == "paths":
            arrays.append(value.array * jnp.exp(value.log - common))
        else:
            arrays.append(jnp.zeros(jnp.shape(value.array)))
    return arrays, common


def _concatenate(
    run: Any,
    equation: JaxprEqn,
    *values: Value,
) -> Value:
    arrays, log = _all_aligned(values)
    return Value(jnp.concatenate(arrays, equation.params["dimension"]), "paths", log)


def _select(
    run: Any,
    equation: JaxprEqn,
    which: Value,
    *cases: Value,
) -> Value:
    if which.kind == "paths":  # a comparison of paths decides nothing here: a relu's derivative
        (paths, *_) = [case for case in cases if case.kind == "paths"] or [which]
        return _widened(equation, paths)
    arrays, log = _all_aligned(cases)
    return Value(lax.select_n(which.array, *arrays), "paths", log)


def _pad(
    run: Any,
    equation: JaxprEqn,
    paths: Value,
    filling: Value,
) -> Value:
    padded = lax.pad(paths.array, jnp.zeros((), paths.array.dtype), **equation.params)
    return dataclasses.replace(paths, array=padded)


def _sum_of_axes(
    run: Any,
    equation: JaxprEqn,
    paths: Value,
) -> Value:
    return dataclasses.replace(paths, array=paths.array.sum(equation.params["axes"]))


def _sum_of_windows(
    run: Any,
    equation: JaxprEqn,
    paths: Value,
) -> Value:
    params = equation.params
    array = lax.reduce_window(
        paths.array,
        jnp.zeros((), paths.array.dtype),
        lax.add,
        params["window_dimensions"],
        params["window_strides"],
        params["padding"],
        params["base_dilation"],
        params["window_dilation"],
    )
    return dataclasses.replace(paths, array=array)


RULES: dict[str, Callable[..., Value]] = {
    "add": _add,
    "add_any": _add,
    "sub": _add,
    "mul": _multiply,
    "div": _divide,
    "max": _either,
    "min": _either,
    "concatenate": _concatenate,
    "select_n": _select,
    "pad": _pad,
    "reduce_max": _sum_of_axes,
    "reduce_window_max": _sum_of_windows,
}
