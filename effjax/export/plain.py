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
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

OPENED = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")


def plain(function: Callable[..., Any], *specs: jax.ShapeDtypeStruct) -> Callable[..., Any]:
    """The same function of arrays as `specs`, of operations that every converter may be asked for.

    It is traced here and now: a converter that replaces flax's layers while it traces finds none.
    """
    program, shape = jax.make_jaxpr(function, return_shape=True)(*specs)

    def laid_open(*args: jax.Array) -> Any:
        outputs = _evaluate(program.jaxpr, program.consts, args)
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    return laid_open


def _evaluate(program: Jaxpr, consts: Any, args: Any) -> list[Any]:
    values = dict(zip([*program.constvars, *program.invars], [*consts, *args]))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for eqn in program.eqns:
        results = _outputs(eqn, [read(variable) for variable in eqn.invars])
        values.update(zip(eqn.outvars, results))
    return [read(variable) for variable in program.outvars]


def _outputs(eqn: JaxprEqn, inputs: list[Any]) -> list[Any]:
    name, params = eqn.primitive.name, eqn.params
    if name == "platform_index":
        return [params["platforms"].index(None)]
    if name == "cond" and isinstance(inputs[0], int):
        chosen = params["branches"][inputs[0]]
        return _evaluate(chosen.jaxpr, chosen.consts, inputs[1:])
    inner = next((params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params), None)
    if name in OPENED and inner is not None:
        program = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
        return _evaluate(program.jaxpr, program.consts, inputs)
    if name == "optimization_barrier":
        return inputs
    if name == "reduce_window_max":
        return [_largest_in_windows(inputs[0], **params)]
    outputs = eqn.primitive.bind(*inputs, **params)
    return list(outputs) if eqn.primitive.multiple_results else [outputs]


def _largest_in_windows(
    x: jax.Array,
    window_dimensions: tuple[int, ...],
    window_strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    base_dilation: tuple[int, ...],
    window_dilation: tuple[int, ...],
) -> jax.Array:
    """`lax.reduce_window` with a maximum, as the maximum of shifted copies.

    jax2onnx 0.17 writes a pooling over four axes for it, which ONNX Runtime refuses.
    """
    if any(step != 1 for step in (*base_dilation, *window_dilation)):
        raise NotImplementedError("pooling with gaps")
    for axis, (before, after) in enumerate(padding):
        # a window that reaches over the edge holds the edge too: repeating it changes no maximum
        if before or after:
            last = x.shape[axis] - 1
            first, end = (lax.slice_in_dim(x, k, k + 1, axis=axis) for k in (0, last))
            x = lax.concatenate([first] * before + [x] + [end] * after, axis)
    parts = []
    for start in itertools.product(*(range(size) for size in window_dimensions)):
        part = x
        for axis, (first, size, step) in enumerate(zip(start, window_dimensions, window_strides)):
            if size > 1 or step > 1:
                end = part.shape[axis] - size + 1 + first
                part = lax.slice_in_dim(part, first, end, step, axis)
        parts.append(part)
    return functools.reduce(jnp.maximum, parts)
