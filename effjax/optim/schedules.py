"""The shapes of learning-rate schedules after their warm-up; `schedule_registry` makes them whole.

A shape takes t, the updates since the end of the warm-up, and a `Span`.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp

from effjax.errors import UserError
from effjax.optim.hints import Share, ShareAboveZero, Whole
from effjax.optim.schedule_registry import Span, register_schedule
from effjax.ranges import Range

InsideRun = Annotated[float, Range(0, 1, "()")]


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


def _share(t: jax.Array, steps: float) -> jax.Array:
    """How much of `steps` has passed at t, from 0 to 1."""
    return jnp.clip(t / max(steps, 1), 0, 1)


def _cooldown(t: jax.Array, span: Span, cooldown_steps: int) -> jax.Array:
    """1 until the last `cooldown_steps` updates, then a straight line to 0."""
    return 1 - _share(t - (span.steps - cooldown_steps), cooldown_steps)
