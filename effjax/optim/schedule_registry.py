"""Learning-rate schedules by name: functions from a count of updates (from 0) to a learning rate.

    lr = create_schedule("cosine", peak=1e-3, total_steps=1000, warmup_steps=50, end=1e-5)
    lr(0), lr(jnp.arange(1000))

Every schedule has a linear warm-up from `warmup_init` to `peak` over the first `warmup_steps`
updates and never falls below `end` afterwards (or below peak, if that is lower).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from effjax.errors import UserError, nearest
from effjax.optim.hints import (
    PeakRate,
    Period,
    Whole,
    checked_value,
    hints_of,
)
from effjax.registry import Registry

Schedule = Callable[[jax.typing.ArrayLike], jax.Array]
Shape = Callable[..., jax.Array]  # (t, span, *, fields) -> rate


@dataclass(frozen=True)
class ScheduleInfo:
    """One entry of `list_schedules`.

    Attributes:
        name: what `create_schedule` calls it.
        line: what it does, in one line.
        fields: {field of its own: default}.
        hints: {field: annotation}, the values that it may have.
        shape: the function behind it, of updates since the warm-up and a `Span`.
    """

    name: str
    line: str
    fields: dict[str, Any]
    hints: dict[str, Any]
    shape: Shape


@dataclass(frozen=True)
class Span:
    """The rates and steps between which the shape after the warm-up lies."""

    peak: float
    end: float
    total_steps: int
    warmup_steps: int
    warmup_init: float

    @property
    def steps(self) -> int:
        """Updates after the warm-up, at least one."""
        return max(self.total_steps - self.warmup_steps, 1)

    def between(self, weight: jax.Array) -> jax.Array:
        """The rate at `weight` 1 (peak) to 0 (end)."""
        return self.end + (self.peak - self.end) * weight


SCHEDULES: Registry[ScheduleInfo | Shape] = Registry(
    "schedule", "--config.schedule.name=package.module:function"
)


def register_schedule(shape: Shape) -> Shape:
    """Enters a shape under its name.

    It takes t, the updates since the end of the warm-up (negative before), a `Span` and, by
    keyword, fields of its own, whose annotations say what they may be; it returns the rate. The
    first line of its docstring describes it in lists.

    Example:
        >>> from effjax.optim import Span, create_schedule, register_schedule
        >>> @register_schedule
        ... def square(t, span: Span, *, power: float = 2.0):
        ...     '''a power of the straight line'''
        ...     return span.between((1 - t / span.steps) ** power)
        >>> float(create_schedule("square", peak=1.0, total_steps=10)(5))
        0.25
    """
    info = _describe(shape)
    SCHEDULES.enter(info.name, info.line, info, shape.__module__)
    return shape


def _describe(shape: Shape) -> ScheduleInfo:
    parameters = inspect.signature(shape).parameters.values()
    own = [field for field in parameters if field.kind is field.KEYWORD_ONLY]
    hints = hints_of(shape)
    return ScheduleInfo(
        name=shape.__name__,
        line=(inspect.getdoc(shape) or shape.__name__).splitlines()[0],
        fields={field.name: field.default for field in own},
        hints={field.name: hints[field.name] for field in own},
        shape=shape,
    )


def create_schedule(
    name: str,
    *,
    peak: float,
    total_steps: int,
    warmup_steps: int = 0,
    warmup_init: float = 0.0,
    end: float = 0.0,
    **fields: Any,
) -> Schedule:
    """Makes the schedule called `name`.

    Args:
        name: an entry of `list_schedules()`, or "package.module:function", see
            `register_schedule`.
        peak: the highest learning rate, reached at update `warmup_steps`.
        total_steps: updates of the whole run, warm-up included.
        warmup_steps: updates of the linear warm-up.
        warmup_init: the rate of update 0 if there is a warm-up.
        end: the lowest rate after the warm-up.
        **fields: fields of that schedule, see `list_schedules()`.

    Returns:
        A function of the number of updates made so far (integers of any shape, from 0) that returns
        the rate of the next one, float32 (float64 under `jax_enable_x64`).

    Raises:
        UserError: for an unknown name or field (the message names the nearest), or for a value out
            of its range.
    """
    found = SCHEDULES.find(name)
    # the path of a plug-in names the function itself
    info = found if isinstance(found, ScheduleInfo) else _describe(found)
    for field in fields:
        if field not in info.fields:
            words = [*info.fields, *_COMMON]
            raise UserError(f"schedule {name!r} has no field {field!r}: {nearest(field, words)}")
    common = {
        "peak": peak,
        "total_steps": total_steps,
        "warmup_steps": warmup_steps,
        "warmup_init": warmup_init,
        "end": end,
    }
    owner = f"schedule {name!r}"
    for field, value in common.items():
        hint, default = _COMMON[field]
        checked_value(owner, field, value, hint, default)
    if warmup_steps > total_steps:
        raise UserError(
            f"{owner} needs warmup_steps <= total_steps, "
            f"got total_steps={total_steps}, warmup_steps={warmup_steps}"
        )
    own = {
        field: checked_value(owner, field, value, info.hints[field], info.fields[field])
        for field, value in fields.items()
    }
    span = Span(peak, min(end, peak), total_steps, warmup_steps, warmup_init)

    def schedule(count: jax.typing.ArrayLike) -> jax.Array:
        t = jnp.asarray(count).astype(float)  # float64 under jax_enable_x64
        warmup = warmup_init + (peak - warmup_init) * t / max(warmup_steps, 1)
        # both are computed, at any count: shapes must be finite before their start as well
        shaped = jnp.maximum(info.shape(t - warmup_steps, span, **own), span.end)
        return jnp.where(t < warmup_steps, warmup, shaped)

    schedule(0)  # what depends on several fields raises here, not in the first step
    return schedule


# Fields that every schedule has: (annotation, default).
_COMMON: dict[str, tuple[Any, Any]] = {
    "peak": (PeakRate, inspect.Parameter.empty),
    "total_steps": (Period, inspect.Parameter.empty),
    "warmup_steps": (Whole, 0),
    "warmup_init": (PeakRate, 0.0),
    "end": (PeakRate, 0.0),
}


def list_schedules() -> dict[str, ScheduleInfo]:
    """Name -> `ScheduleInfo` of every schedule."""
    return dict(SCHEDULES.entries)
