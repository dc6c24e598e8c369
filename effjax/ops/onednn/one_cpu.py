"""A choice that is made when a program is lowered: does one CPU device run it, or others?

The partitioner of XLA knows how to cut its own operations, not a call into a library: such a call
gets its whole input, gathered. `jax.lax.platform_dependent` makes the like choice by backend.
"""

from collections.abc import Callable
from functools import partial

import jax
from jax import Array
from jax.core import AbstractValue
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import batching, mlir

# Its parameters are two programs, of which lowering keeps one.
_choice = Primitive("on_one_cpu")
_choice.multiple_results = True


def on_one_cpu(
    *args: Array,
    on_cpu: Callable[..., Array],
    fallback: Callable[..., Array],
) -> Array:
    """``on_cpu`` of ``args`` where one CPU device runs the program, else ``fallback`` of them.

    Both make the same one array.

    A part of `shard_map` or `pmap` that sees its own device alone is on one device. Works under
    `jit` and `vmap`; to differentiate, wrap it in `jax.custom_jvp` or `jax.custom_vjp`.
    """
    programs = {
        "on_cpu": jax.make_jaxpr(on_cpu)(*args),
        "fallback": jax.make_jaxpr(fallback)(*args),
    }
    (result,) = _choice.bind(*args, **programs)
    return result


@_choice.def_impl
def _run(*args: Array, **programs: ClosedJaxpr) -> list[Array]:
    # outside of jit: the choice is made when a program is lowered, so one is made
    return jax.jit(partial(_choice.bind, **programs))(*args)


@_choice.def_abstract_eval
def _result(
    *args: AbstractValue,
    on_cpu: ClosedJaxpr,
    fallback: ClosedJaxpr,
) -> list[AbstractValue]:
    del args, on_cpu
    return fallback.out_avals


def _batch(
    args: list[Array],
    axes: list[int | None],
    **programs: ClosedJaxpr,
) -> tuple[list[Array], list[int]]:
    def mapped(program: ClosedJaxpr) -> Callable[..., Array]:
        run = jax.vmap(jaxpr_as_fun(program), in_axes=tuple(axes))
        return lambda *args: run(*args)[0]

    # both programs are mapped: which one runs is still open
    both = {name: mapped(program) for name, program in programs.items()}
    return [on_one_cpu(*args, **both)], [0]


batching.primitive_batchers[_choice] = _batch


def _lower(
    ctx: mlir.LoweringRuleContext,
    *args: mlir.ir.Value,
    on_cpu: ClosedJaxpr,
    fallback: ClosedJaxpr,
) -> list[mlir.ir.Value]:
    platforms = tuple(ctx.module_context.platforms)
    is_on_cpu = platforms == ("cpu",) and _on_one_device(ctx)
    program = jaxpr_as_fun(on_cpu if is_on_cpu else fallback)
    lower = mlir.lower_fun(program, multiple_results=True)
    return lower(ctx, *args)


def _on_one_device(ctx: mlir.LoweringRuleContext) -> bool:
    """Whether each device runs the program for itself alone."""
    match ctx.module_context.axis_context:
        case mlir.ShardingContext(num_devices=devices):
            return devices == 1
        case mlir.SPMDAxisContext(mesh=mesh, manual_axes=manual):
            # all axes are manual: a part of shard_map or pmap
            return set(manual) == set(mesh.axis_names)
        case _:
            return False


mlir.register_lowering(_choice, _lower)
