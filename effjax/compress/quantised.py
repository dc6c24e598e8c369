"""A network whose layers compute with fewer bits, by qwix.

Every layer with a kernel rounds its kernel to evenly spaced levels, within the largest |w| of each
output, and its input to levels within a limit that was measured on images (`calibrate`). A rounded
number is the real number on the grid: so the product runs on the layer's fast path, on every
device, and the gradient goes straight through (Bengio et al. 2013,
https://arxiv.org/abs/1308.3432). A file for other programs holds the integers, see `effjax.export`.

Products of two activations (in attention), norms and activations stay in floating point.

Shapes: O outputs of a layer, the last axis of its kernel; ... any other axes.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError, nearest
from effjax.models import ImageModel

LIMITS = "limits"  # the collection: of each layer the largest |x| that its input may have
LIMIT = "input"  # the variable in it
PRODUCT = "product"  # the method of a layer in which its input meets its kernel
FLOAT = 32  # as many bits as no rounding
LEAST, MOST = 2, 8  # what qwix has integers for


def load_qwix() -> Any:
    """The package.

    Raises:
      UserError: it is not installed.
    """
    try:
        import qwix
    except ImportError:
        raise UserError(
            "fewer bits need qwix: pip install 'effjax[quantise]' -c constraints.txt"
        ) from None
    return qwix


@dataclasses.dataclass(frozen=True)
class Bits:
    """How many bits the layers of a network get.

    Attributes:
      weights: of kernels, 2 to 8, or 32 for floating point.
      activations: of the inputs of layers, likewise.
      layers: (regex, bits) over paths of layers, such as ("stem|head", 8): other bits for the
        kernels of some; the first match counts. 32: the layer is left as it is.

    Raises:
      UserError: other numbers of bits, or what is no regular expression.
    """

    weights: int = 8
    activations: int = 8
    layers: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        check_bits("weight_bits", self.weights)
        check_bits("activation_bits", self.activations)
        for pattern, bits in self.layers:
            check_bits(f"layer_bits of {pattern!r}", bits)
            try:
                re.compile(pattern)
            except re.error as error:
                raise UserError(f"{pattern!r} is not a regular expression: {error}") from error

    def of(self, path: str) -> tuple[int, int]:
        """(weight bits, activation bits) of the layer at a path; (32, 32): it is left as it is."""
        weights = self.weights
        for pattern, bits in self.layers:
            if re.search(pattern, path):
                weights = bits
                break
        return weights, FLOAT if weights == FLOAT else self.activations

    def check_rules(self, paths: Collection[str]) -> None:
        """Refuses a rule that does nothing.

        Args:
          paths: of all layers with a kernel.

        Raises:
          UserError: naming the rule, and layers that there are.
        """
        for pattern, _ in self.layers:
            if not any(re.search(pattern, path) for path in paths):
                raise UserError(
                    f"layer_bits: no layer matches {pattern!r}; {nearest(pattern, paths)}"
                )


def check_bits(name: str, bits: int) -> None:
    """Raises UserError unless it is a number of bits that layers can have."""
    if bits != FLOAT and not LEAST <= bits <= MOST:
        raise UserError(
            f"{name} = {bits}: expected {LEAST} to {MOST}, or {FLOAT} for floating point"
        )


@dataclasses.dataclass(frozen=True)
class Quantised:
    """For `Network.interceptor`: rounds what enters the product of every layer."""

    bits: Bits

    def __call__(
        self,
        call: Callable[..., Any],
        args: tuple,
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        if context.method_name != PRODUCT:
            return call(*args, **kwargs)
        layer = context.module
        x, kernel = args
        if layer.is_initializing():
            layer.put_variable(LIMITS, LIMIT, jnp.ones(()))
        weights, activations = self.bits.of("/".join(layer.path))
        if weights != FLOAT:
            kernel = self.round_kernel(kernel, weights)
        if activations != FLOAT:
            x = self.round_input(x, layer.get_variable(LIMITS, LIMIT), activations)
        return call(x, kernel)

    def round_kernel(self, kernel: Array, bits: int) -> Array:
        """[..., O] on the grid."""
        return round_kernel(kernel, bits)

    def round_input(self, x: Array, limit: Array, bits: int) -> Array:
        """[...] on the grid."""
        return round_input(x, limit, bits)


class Stored(Quantised):
    """As `Quantised` where the kernels are constants: a program that is written holds integers."""

    def round_kernel(self, kernel: Array, bits: int) -> Array:
        with jax.ensure_compile_time_eval():
            array = quantised_kernel(kernel, bits)
        return load_qwix().dequantize(array).astype(kernel.dtype)


def stored(model: ImageModel) -> ImageModel:
    """The model as `Stored`; one in floating point as it is."""
    bits = bits_of(model)
    return model if bits is None else model.clone(interceptor=Stored(bits))


def quantised_kernel(kernel: Array, bits: int) -> Any:
    """[..., O] as qwix's array: integers, and a scale for each output."""
    qwix = load_qwix()
    last = kernel.ndim - 1
    return qwix.quantize(kernel.astype(jnp.float32), f"int{bits}", channelwise_axes=(last,))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def round_kernel(kernel: Array, bits: int) -> Array:
    """[..., O] on the grid of each output; the gradient goes straight through."""
    on_grid = load_qwix().dequantize(quantised_kernel(kernel, bits))
    return on_grid.astype(kernel.dtype)


@round_kernel.defjvp
def _round_kernel_jvp(bits: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (kernel,) = primals
    (moved,) = tangents
    return round_kernel(kernel, bits), moved


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def round_input(x: Array, limit: Array, bits: int) -> Array:
    """[...] on the grid within [-limit, limit]; the gradient goes through where x is inside."""
    qwix = load_qwix()
    limit = safe(limit)
    # qwix's grid: the limit is half a step beyond the last level
    levels = 2 ** (bits - 1)
    share = x.astype(jnp.float32) / limit
    share = jnp.clip(share, -levels / (levels - 0.5), (levels - 1) / (levels - 0.5))
    integers = qwix.quantize(share, f"int{bits}", calibration_method="fixed,-1,1")
    on_grid = qwix.dequantize(integers) * limit
    return on_grid.astype(x.dtype)


@round_input.defjvp
def _round_input_jvp(bits: int, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    x, limit = primals
    moved, _ = tangents  # a limit is measured, not learned
    inside = jnp.abs(x.astype(jnp.float32)) <= safe(limit)
    return round_input(x, limit, bits), jnp.where(inside, moved, jnp.zeros_like(moved))


def safe(limit: Array) -> Array:
    """A limit above 0: an input that was 0 everywhere has the limit 0."""
    return jnp.maximum(limit, jnp.finfo(jnp.float32).tiny)


def quantise(model: ImageModel, bits: Bits) -> ImageModel:
    """The model with layers of fewer bits; its variables gain the collection "limits".

    Blocks are not scanned: their layers may have different bits, and have limits of their own.

    Raises:
      UserError: qwix is not installed.
    """
    load_qwix()
    architecture = model.architecture
    if getattr(architecture, "scan", False):
        architecture = dataclasses.replace(architecture, scan=False)
    return model.clone(architecture=architecture, interceptor=Quantised(bits))


def bits_of(model: Any) -> Bits | None:
    """How many bits the layers of a model have; None: it is in floating point."""
    interceptor = getattr(model, "interceptor", None)
    return interceptor.bits if isinstance(interceptor, Quantised) else None


def in_float(model: ImageModel) -> ImageModel:
    """The model without rounding."""
    return model.clone(interceptor=None)
