"""The peak of activation memory: the most bytes that are needed at once to evaluate one image.

Operations run one after another in the order in which the network is written. A value lives from
the operation that makes it to the last one that needs it; parameters are not counted. Two things
are taken from what compilers do:

* Operations that work entry by entry (sums, activations, casts, reshapes) are part of the operation
  that takes their result, and store nothing in between.
* A result that is made entry by entry takes the place of an operand of its size that nobody needs
  afterwards.

So a convolution holds its input and its output, and a residual block holds its input throughout.
The rule is that of MCUNet (https://arxiv.org/abs/2007.10319), for any order of operations.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
from flax import linen as nn
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from effjax.models import ImageModel
from effjax.models.blocks.plain import plain_layers
from effjax.models.registry import abstract_variables

# operations that need all of their operands before the first entry of the result
WHOLE = {
    "conv_general_dilated", "dot_general", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod",
    "argmax", "argmin", "reduce_window_sum", "reduce_window_max", "reduce_window", "scan", "while",
    "cond", "sort", "gather", "scatter", "scatter-add", "cumsum", "cumprod", "fft", "concatenate",
    "pure_callback", "ffi_call", "custom_linear_solve", "top_k",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation on values, which are numbered.

    Attributes:
      name: of the primitive.
      takes, makes: the numbers of its operands and results.
    """

    name: str
    takes: tuple[int, ...]
    makes: tuple[int, ...]

    @property
    def is_entrywise(self) -> bool:
        return self.name not in WHOLE


def peak_bytes(
    model: ImageModel,
    input_shape: tuple[int, int, int],
) -> int:
    """The peak of activation memory of a network, for one image [H, W, C], in bytes."""
    (images,) = model.example_inputs((1, *input_shape))
    variables = abstract_variables(model, input_shape)
    with nn.intercept_methods(plain_layers):
        program = jax.make_jaxpr(lambda x, v: model.apply(v, x))(images, variables)
    recorder = _Recorder()
    numbers = recorder.new(program.jaxpr.invars[:1])
    names = dict(zip(program.jaxpr.invars[:1], numbers))
    ends = recorder.read(program.jaxpr, names)
    return peak_of(recorder.operations, recorder.sizes, numbers, ends)


def peak_of(
    operations: Sequence[Operation],
    sizes: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> int:
    """The most bytes that are alive at once.

    Args:
      operations: in their order.
      sizes: bytes of each value.
      inputs, outputs: values that are there before the first, and after the last operation.
    """
    stored, sources = _stored_values(operations, inputs, outputs)
    last_use = _last_uses(operations, stored, sources, outputs)
    alive = set(inputs)
    peak = sum(sizes[value] for value in alive)
    for place, operation in enumerate(operations):
        made = [value for value in operation.makes if value in stored]
        if not made:
            continue
        dying = {value for value in alive if last_use.get(value, -1) <= place}
        need = sum(sizes[value] for value in alive) + sum(sizes[value] for value in made)
        if operation.is_entrywise:
            # the result is written over an operand that has room for it and is not needed again
            result = made[0]
            operands = sources[result] & dying
            room = [sizes[value] for value in operands if sizes[value] >= sizes[result]]
            need -= max(room, default=0)
        peak = max(peak, need)
        alive -= dying
        alive |= {value for value in made if last_use.get(value, -1) > place}
    return peak


def _stored_values(
    operations: Sequence[Operation],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> tuple[set[int], dict[int, set[int]]]:
    """Which values are stored, and for each value the stored ones that it is computed from."""
    wanted = set(outputs)
    for operation in operations:
        if not operation.is_entrywise:
            wanted.update(operation.takes)
    stored = set(inputs)
    sources: dict[int, set[int]] = {value: {value} for value in inputs}
    for operation in operations:
        origins: set[int] = set()
        for value in operation.takes:
            origins |= {value} if value in stored else sources.get(value, set())
        for value in operation.makes:
            sources[value] = origins
            if not operation.is_entrywise or value in wanted:
                stored.add(value)
    return stored, sources


def _last_uses(
    operations: Sequence[Operation],
    stored: set[int],
    sources: dict[int, set[int]],
    outputs: Sequence[int],
) -> dict[int, int]:
    """{stored value: the last operation that needs it}; the result is needed for ever."""
    last: dict[int, int] = {}
    for place, operation in enumerate(operations):
        makes_stored = any(value in stored for value in operation.makes)
        if not makes_stored:
            continue
        for value in operation.takes:
            for origin in {value} if value in stored else sources.get(value, set()):
                last[origin] = place
    for value in outputs:
        for origin in {value} if value in stored else sources.get(value, set()):
            last[origin] = len(operations)
    return last


class _Recorder:
    """Reads a program as operations on what depends on the image; parameters are left out."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.sizes: list[int] = []

    def new(self, variables: Sequence[Any]) -> list[int]:
        """Numbers for new values."""
        first = len(self.sizes)
        for variable in variables:
            shape = variable.aval.shape
            self.sizes.append(math.prod(shape) * variable.aval.dtype.itemsize)
        return list(range(first, len(self.sizes)))

    def read(
        self,
        program: Jaxpr,
        names: dict[Any, int],
    ) -> list[int]:
        """Adds a program's operations; returns the numbers of its results.

        Args:
          names: {variable: number} of its inputs that depend on the image.
        """
        for equation in program.eqns:
            inputs = _known(equation.invars, names)
            if not inputs:
                continue  # a parameter, or computed from parameters alone
            inner = _inlined(equation)
            if inner is None:
                numbers = self.new(equation.outvars)
                made = tuple(numbers)
                self.operations.append(
                    Operation(equation.primitive.name, tuple(inputs), made),
                )
                names.update(zip(equation.outvars, numbers))
                continue
            inside: dict[Any, int] = {}
            for variable, value in zip(inner.invars, equation.invars[-len(inner.invars) :]):
                if not isinstance(value, Literal) and value in names:
                    inside[variable] = names[value]
            self.read(inner, inside)
            for variable, value in zip(equation.outvars, inner.outvars):
                if not isinstance(value, Literal) and value in inside:
                    names[variable] = inside[value]
        return _known(program.outvars, names)


def _known(
    variables: Sequence[Any],
    names: dict[Any, int],
) -> list[int]:
    found = []
    for variable in variables:
        # a literal has no hash
        if not isinstance(variable, Literal) and variable in names:
            found.append(names[variable])
    return found


def _inlined(equation: JaxprEqn) -> Jaxpr | None:
    """The program of an equation that only calls it, such as `jit`; None for an operation."""
    if equation.primitive.name in WHOLE:
        return None
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = equation.params.get(key)
        if inner is not None:
            return getattr(inner, "jaxpr", inner)
    return None
