"""What blocks keep for the backward pass, and what they compute again there.

A product of matrices or a convolution is expensive to compute and kept. A norm, an activation, a
softmax or a sum is cheap: to compute it again takes about as long as to read it, and fewer pages of
memory are touched in a step.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
from flax import linen as nn
from jax.extend.mlir import ir

from effjax.ops.kept import keeps_products_only, save_only_kept

# XLA's CPU compiler drops the barriers of `jax.checkpoint` early, and then merges what is computed
# again with the first computation: nothing would be saved.
_KEEP_BARRIERS = {"xla_disable_hlo_passes": "cse_barrier_expander"}

# a class of modules, or a method of one, which is then called as method(module, ...)
Block = TypeVar("Block", bound=type[nn.Module] | Callable[..., Any])


def maybe_remat(block: Block, remat: bool) -> Block:
    """`block`, computed again in the backward pass if `remat`: less memory for more time."""
    if remat:
        return nn.remat(block)
    if keeps_products_only():
        return nn.remat(block, policy=save_only_kept)
    return block


def compile_for_cpu(lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """`lowered` for CPUs, so that what is computed again saves memory and nothing is copied."""
    _drop_idle_rounding(lowered.compiler_ir("stablehlo"))
    return lowered.compile(compiler_options=_KEEP_BARRIERS)


def _drop_idle_rounding(program: ir.Module) -> None:
    """Takes out of `program` what rounds float32 to float32.

    `jax.checkpoint` rounds all that it keeps to its own type, so that a compiler that computes in
    wider types rounds it alike in both passes. None is wider here, and XLA's CPU compiler copies.
    """
    roundings = []

    def collect(operation: ir.Operation) -> ir.WalkResult:
        if operation.name == "stablehlo.reduce_precision":
            roundings.append(operation)
        return ir.WalkResult.ADVANCE

    program.operation.walk(collect)
    for rounding in roundings:
        exponent = ir.IntegerAttr(rounding.attributes["exponent_bits"]).value
        mantissa = ir.IntegerAttr(rounding.attributes["mantissa_bits"]).value
        number = ir.ShapedType(rounding.operands[0].type).element_type
        if (str(number), exponent, mantissa) == ("f32", 8, 23):
            rounding.results[0].replace_all_uses_with(rounding.operands[0])
            rounding.erase()
