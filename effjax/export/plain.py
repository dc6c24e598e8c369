"""A function's program without what only JAX knows: custom gradients and choices by backend.

Converters to other formats know arithmetic, not `platform_dependent`. Here such choices are
settled for the backend-neutral branch, and wrapped programs are laid open.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

Sizes = tuple[int, ...]
# operations that only wrap a program
OPENED = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")


def plain(function: Callable[..., Any], *specs: jax.ShapeDtypeStruct) -> Callable[..., Any]:
    """The same function of arrays as `specs`, of operations that every converter may be asked for.

    It is traced here and now: a converter that replaces flax's layers while it traces finds none.
    """
    program, result = jax.make_jaxpr(function, return_shape=True)(*specs)
    structure = jax.tree.structure(result)

    def laid_open(*args: Array) -> Any:
        outputs = _evaluate(program.jaxpr, program.consts, args)
        return jax.tree.unflatten(structure, outputs)

    return laid_open


def _evaluate(program: Jaxpr, consts: Any, args: Any) -> list[Any]:
    """The outputs of a program, operation by operation."""
    values = dict(zip(program.constvars, consts))
    values |= dict(zip(program.invars, args))

    def read(variable: Any) -> Any:
        if isinstance(variable, Literal):  # a number in the program's text
            return variable.val
        return values[variable]

    for eqn in program.eqns:
        inputs = [read(variable) for variable in eqn.invars]
        outputs = _outputs(eqn, inputs)
        values |= dict(zip(eqn.outvars, outputs))
    return [read(variable) for variable in program.outvars]


def _outputs(eqn: JaxprEqn, inputs: list[Any]) -> list[Any]:
    """The outputs of one operation; of a wrapper, those of the program inside."""
    name = eqn.primitive.name
    params = eqn.params
    if name == "platform_index":
        # the branch for no platform in particular; a Python int, so that `cond` below sees it
        return [params["platforms"].index(None)]
    if name == "cond" and isinstance(inputs[0], int):
        # inputs[0] is the number of the branch, and no input of it
        chosen = params["branches"][inputs[0]]
        return _evaluate(chosen.jaxpr, chosen.consts, inputs[1:])
    inner = _program_inside(params)
    if name in OPENED and inner is not None:
        return _evaluate(inner.jaxpr, inner.consts, inputs)
    if name == "optimization_barrier":
        return inputs  # it orders the work of XLA, and computes nothing
    if name == "reduce_window_max":
        return [_largest_in_windows(inputs[0], **params)]
    outputs = eqn.primitive.bind(*inputs, **params)
    if eqn.primitive.multiple_results:
        return list(outputs)
    return [outputs]


def _program_inside(params: dict[str, Any]) -> ClosedJaxpr | None:
    """The program of a wrapping operation; primitives call it by different names."""
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key not in params:
            continue
        inner = params[key]
        if isinstance(inner, ClosedJaxpr):
            return inner
        return ClosedJaxpr(inner, ())  # `remat` keeps a program that has no constants
    return None


def _largest_in_windows(
    x: Array,
    window_dimensions: Sizes,
    window_strides: Sizes,
    padding: tuple[tuple[int, int], ...],
    base_dilation: Sizes,
    window_dilation: Sizes,
) -> Array:
    """`lax.reduce_window` with a maximum, as the maximum of shifted copies.

    jax2onnx 0.17 writes a pooling over four axes for it, which ONNX Runtime refuses.
    """
    dilations = (*base_dilation, *window_dilation)
    if any(step != 1 for step in dilations):
        raise NotImplementedError("pooling with gaps")
    for axis, (before, after) in enumerate(padding):
        x = _repeat_edges(x, axis, before, after)
    # every place in a window: 9 of them for 3x3
    places = itertools.product(*map(range, window_dimensions))
    shifted = []
    for place in places:
        copy = _shifted(x, place, window_dimensions, window_strides)
        shifted.append(copy)
    return functools.reduce(jnp.maximum, shifted)


def _repeat_edges(x: Array, axis: int, before: int, after: int) -> Array:
    """`x` with its first and last entry repeated along an axis.

    A window that reaches over the edge holds the edge too, so that this changes no maximum.
    """
    if before == 0 and after == 0:
        return x  # the symbolic batch, which cannot be sliced, is never padded
    length = x.shape[axis]
    first = lax.slice_in_dim(x, 0, 1, axis=axis)
    last = lax.slice_in_dim(x, length - 1, length, axis=axis)
    pieces = [first] * before + [x] + [last] * after
    return lax.concatenate(pieces, axis)


def _shifted(x: Array, start: Sizes, sizes: Sizes, strides: Sizes) -> Array:
    """The entry at place `start` of every window."""
    for axis, first in enumerate(start):
        size = sizes[axis]
        step = strides[axis]
        # a symbolic batch is never sliced: its windows have one entry and no stride
        if size == 1 and step == 1:
            continue
        last_window = x.shape[axis] - size  # where it starts
        end = last_window + 1 + first
        x = lax.slice_in_dim(x, first, end, step, axis)
    return x
