"""Learning-rate schedules: functions from a count of updates (from 0) to a learning rate.

    lr = create_schedule("cosine", peak=1e-3, total_steps=1000, warmup_steps=50, end=1e-5)
    lr(0), lr(jnp.arange(1000))

Every schedule has a linear warm-up from `warmup_init` to `peak` over the first `warmup_steps`
updates and never falls below `end` afterwards (or below peak, if that is lower).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp

from effjax import plugins
from effjax.errors import UserError, nearest
from effjax.optim.hints import (
    PeakRate,
    Period,
    Share,
    ShareAboveZero,
    Whole,
    checked_value,
    hints_of,
)
from effjax.ranges import Range

Schedule = Callable[[jax.typing.ArrayLike], jax.Array]
Shape = Callable[..., jax.Array]  # (t, span, *, fields) -> rate
InsideRun = Annotated[float, Range(0, 1, "()")]


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


# Filled by the decorator below, in the order of this file.
_TABLE: dict[str, ScheduleInfo] = {}


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
    _TABLE[shape.__name__] = _describe(shape)
    plugins.note("schedule", shape.__name__, shape.__module__)
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


@register_schedule
def cosine(
    t: jax.Array,
    span: Span,
    *,
    shifted: bool = True,
    hold_steps: Whole = 0,
) -> jax.Array:
    """half a cosine from peak to end

    shifted: the cosine starts where the warm-up ends; False: it starts at update 0 and goes on at
    the position of update `warmup_steps`, as in timm. hold_steps: updates at `end` after it.
    """
    # timm counts its cosine from update 0, so that it has fallen a little when the warm-up ends
    steps = span.steps if shifted else span.total_steps
    start = 0 if shifted else span.warmup_steps
    share = _share(t + start, steps - hold_steps)
    return span.between(0.5 + 0.5 * jnp.cos(jnp.pi * share))


@register_schedule
def linear(t: jax.Array, span: Span, *, hold_steps: Whole = 0) -> jax.Array:
    """a straight line from peak to end

    hold_steps: updates at `end` after it.
    """
    return span.between(1 - _share(t, span.steps - hold_steps))


@register_schedule
def step(
    t: jax.Array,
    span: Span,
    *,
    factor: Share = 0.2,
    boundaries: tuple[InsideRun, ...] = (0.3, 0.6, 0.8),
) -> jax.Array:
    """peak, multiplied by a factor at given shares of the run

    factor: the multiplier; boundaries: shares of `total_steps`, rising, each in (0, 1).
    """
    if list(boundaries) != sorted(boundaries):
        raise UserError(
            f"schedule 'step' needs rising boundaries in (0, 1), shares of all steps: {boundaries}"
        )
    # boundaries are shares of the whole run, t counts from the end of the warm-up
    count = t + span.warmup_steps
    passed = jnp.zeros_like(t)
    for share in boundaries:
        passed = passed + (count >= share * span.total_steps)
    return span.peak * factor**passed


@register_schedule
def exponential(t: jax.Array, span: Span, *, factor: ShareAboveZero = 0.01) -> jax.Array:
    """geometric decay, to peak * factor after the last update

    factor: the share of peak that is left at `total_steps`.
    """
    return span.peak * factor ** _share(t, span.steps)


@register_schedule
def one_cycle(t: jax.Array, span: Span, *, rise: Share = 0.3) -> jax.Array:
    """one cosine up from warmup_init to peak, one down to end

    rise: share of the run that goes up (after the linear warm-up, if there is one as well).
    """
    up = rise * span.steps
    # half a cosine up, half a cosine down
    rising = 0.5 - 0.5 * jnp.cos(jnp.pi * _share(t, up))
    falling = 0.5 + 0.5 * jnp.cos(jnp.pi * _share(t - up, span.steps - up))
    # after a linear warm-up the rate is at its peak already
    start = span.peak if span.warmup_steps else span.warmup_init
    return jnp.where(t < up, start + (span.peak - start) * rising, span.between(falling))


@register_schedule
def wsd(
    t: jax.Array,
    span: Span,
    *,
    decay_share: Share = 0.2,
    decay_shape: Literal["linear", "sqrt"] = "linear",
) -> jax.Array:
    """warm-up, stable, decay: peak, then down to end over the last part of the run

    decay_share: share of `total_steps` that decays; decay_shape: 'linear' or 'sqrt' (1 - sqrt).
    """
    decay_steps = decay_share * span.total_steps
    share = _share(t - (span.steps - decay_steps), decay_steps)
    # 1 - sqrt falls steeply at first, as in the papers on cooldowns
    if decay_shape == "sqrt":
        share = jnp.sqrt(share)
    return span.between(1 - share)


@register_schedule
def constant(t: jax.Array, span: Span, *, cooldown_steps: Whole = 0) -> jax.Array:
    """peak, with an optional straight cooldown to end

    cooldown_steps: length of the cooldown, the last updates of the run.
    """
    return span.between(_cooldown(t, span, cooldown_steps))


@register_schedule
def inverse_sqrt(
    t: jax.Array,
    span: Span,
    *,
    timescale: Whole = 0,
    cooldown_steps: Whole = 0,
) -> jax.Array:
    """peak * sqrt(timescale / (timescale + updates since the warm-up))

    timescale: in updates; 0 means `warmup_steps`. cooldown_steps: the last updates of the run,
    where a straight line to zero multiplies the rate.
    """
    # without warm-up and timescale the rate falls from the first update on
    scale = max(timescale or span.warmup_steps, 1)
    decayed = span.peak * jnp.sqrt(scale / (scale + jnp.maximum(t, 0)))
    return decayed * _cooldown(t, span, cooldown_steps)


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
    info = plugins.look_up("schedule", name, _TABLE)
    if info is None:
        raise UserError(f"unknown schedule {name!r}: {nearest(name, _TABLE)}")
    if not isinstance(info, ScheduleInfo):
        info = _describe(info)
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
    return dict(_TABLE)


def _share(t: jax.Array, steps: float) -> jax.Array:
    """How much of `steps` has passed at t, from 0 to 1."""
    return jnp.clip(t / max(steps, 1), 0, 1)


def _cooldown(t: jax.Array, span: Span, cooldown_steps: int) -> jax.Array:
    """1 until the last `cooldown_steps` updates, then a straight line to 0."""
    return 1 - _share(t - (span.steps - cooldown_steps), cooldown_steps)
