"""What the hyperparameters of optimizers and schedules may be, for annotations.

    def adan(learning_rate: Rate, b1: KeepFactor = 0.98, max_grad_norm: Norm | None = None): ...

A hyperparameter is checked against its annotation when its method is made. Traced values pass: they
are not known yet.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import jax
import numpy as np
import optax

from effjax.errors import UserError
from effjax.kinds import Misfit, describe_type, fit
from effjax.ranges import BelowOne, Range, Share

# The upper ends leave room for the products of two settings in float32, whose largest is 3e38.
__all__ = ["Share"]  # passed on with the others
KeepFactor = BelowOne  # b in  average <- b average + (1 - b) new
Epsilon = Annotated[float, Range(1e-37, 1e3)]  # smaller ones are zero in float32
EpsilonOrZero = Annotated[float, Range(0, 1e3)]
Norm = Annotated[float, Range(0, ends="(]")]
Amount = Annotated[float, Range(0, 1e6)]
PositiveAmount = Annotated[float, Range(0, 1e6, "(]")]
Power = Annotated[float, Range(0, 10)]
ShareAboveZero = Annotated[float, Range(0, 1, "(]")]
AnyNumber = Annotated[float, Range(-1e6, 1e6)]
Period = Annotated[int, Range(1, 2**31 - 1)]  # in updates
Whole = Annotated[int, Range(0, 2**31 - 1)]
NewtonSteps = Annotated[int, Range(1, 100)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
PeakRate = Annotated[float, Range(0, 1e12)]
Rate = PeakRate | jax.Array | optax.Schedule
# of an array in the state; a name such as "bfloat16", or a type of NumPy or JAX
Storage = Literal["float64", "float32", "bfloat16", "float16"] | np.dtype | type
Transform = optax.GradientTransformation


def checked_value(owner: str, name: str, value: Any, hint: Any, default: Any) -> Any:
    """`value`, cast to the annotated type where nothing is lost.

    Args:
        owner: who has the setting, for the message: "optimizer 'adan'".
        name, default: of the setting.
        value: what it was given.
        hint: its annotation.

    Raises:
        UserError: the value is not allowed; the message gives the range.
    """
    if isinstance(value, jax.core.Tracer):
        return value
    try:
        if isinstance(value, jax.Array) and value.ndim == 0:
            fit(value.item(), hint)
            return value
        return fit(value, hint)
    except Misfit as problem:
        shown = f"default: {name}={default!r}"
        if default is inspect.Parameter.empty:
            shown = "it has no default"
        raise UserError(
            f"{owner} got {name}={_shortened(value)}, expected {problem}\n{shown}"
        ) from None


def hints_of(function: Callable) -> dict[str, Any]:
    """{argument: annotation} of a function, ranges included."""
    return inspect.get_annotations(function, eval_str=True)


def in_words(hints: Mapping[str, Any]) -> dict[str, str]:
    """{name: what it may be, in words}."""
    return {name: describe_type(hint) for name, hint in hints.items()}


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
