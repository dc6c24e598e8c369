"""A choice that is made when a program is lowered: does one CPU device run it, or others?

The partitioner of XLA knows how to cut its own operations, not a call into a library: such a call
gets its whole input, gathered. `jax.lax.platform_dependent` makes the like choice by backend.
"""

from collections.abc import Callable
from functools import partial

import jax
from jax.core import AbstractValue
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import batching, mlir

_choice = Primitive("on_one_cpu")
_choice.multiple_results = True


def on_one_cpu(
    *args: jax.Array, there: Callable[..., jax.Array], elsewhere: Callable[..., jax.Array]
) -> jax.Array:
    """The one array that ``there`` or ``elsewhere`` makes of ``args``; both agree on it.

    A part of `shard_map` or `pmap` that sees its own device alone is on one device. Works under
    `jit` and `vmap`; to differentiate, wrap it in `jax.custom_jvp` or `jax.custom_vjp`.
    """
    programs = {
        "there": jax.make_jaxpr(there)(*args),
        "elsewhere": jax.make_jaxpr(elsewhere)(*args),
    }
    return _choice.bind(*args, **programs)[0]


@_choice.def_impl
def _run(*args: jax.Array, **programs: ClosedJaxpr) -> list[jax.Array]:
    return jax.jit(partial(_choice.bind, **programs))(*args)


@_choice.def_abstract_eval
def _result(*_: AbstractValue, there: ClosedJaxpr, elsewhere: ClosedJaxpr) -> list[AbstractValue]:
    return elsewhere.out_avals


def _batch(
    args: list[jax.Array], axes: list[int | None], **programs: ClosedJaxpr
) -> tuple[list[jax.Array], list[int]]:
    def mapped(program: ClosedJaxpr) -> Callable[..., jax.Array]:
        run = jax.vmap(jaxpr_as_fun(program), in_axes=tuple(axes))
        return lambda *args: run(*args)[0]

    both = {name: mapped(program) for name, program in programs.items()}
    return [on_one_cpu(*args, **both)], [0]


batching.primitive_batchers[_choice] = _batch


def _lower(
    ctx: mlir.LoweringRuleContext,
    *args: mlir.ir.Value,
    there: ClosedJaxpr,
    elsewhere: ClosedJaxpr,
) -> list[mlir.ir.Value]:
    match ctx.module_context.axis_context:
        case mlir.ShardingContext(num_devices=devices):
            alone = devices == 1
        case mlir.SPMDAxisContext(mesh=mesh, manual_axes=manual):
            alone = set(manual) == set(mesh.axis_names)
        case _:
            alone = False
    alone = alone and tuple(ctx.module_context.platforms) == ("cpu",)
    program = jaxpr_as_fun(there if alone else elsewhere)
    return mlir.lower_fun(program, multiple_results=True)(ctx, *args)


mlir.register_lowering(_choice, _lower)
