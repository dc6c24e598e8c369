"""The learning rate of a run that was made longer after its end was planned.

    make = lambda steps: create_schedule("wsd", peak=1.0, total_steps=steps)
    plan = extended_schedule(make, make_trunk, history=((100, "cooldown"),), total_steps=150)
    plan.rate(120), plan.trunk

A schedule that decays at its end has a *trunk*: the updates before that decay, whose rates do not
depend on when the run ends. A longer run branches off there (Hu et al. 2024, MiniCPM,
arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from effjax.errors import UserError
from effjax.optim.schedule_registry import Schedule, list_schedules

Kind = Literal["constant", "restart", "cooldown"]
KINDS: tuple[str, ...] = get_args(Kind)
# (updates that were planned until then, how the rate goes on), oldest first
History = Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Plan:
    """A schedule, and up to which update it would be the same if the run ended later.

    Attributes:
      rate: count of updates -> learning rate.
      trunk: the first update that depends on the end of the run.
    """

    rate: Schedule
    trunk: int


def decay_start(name: str, total_steps: int, warmup_steps: int, fields: Mapping[str, Any]) -> int:
    """The update at which the final decay of a schedule begins; `total_steps` if it has none.

    Args:
      name: of the schedule.
      fields: its own fields, as `create_schedule` takes them.
    """
    info = list_schedules().get(name)
    defaults = {} if info is None else info.fields
    own = {**defaults, **fields}
    if "decay_share" in own:
        decay_steps = own["decay_share"] * total_steps
    elif own.get("cooldown_steps"):
        decay_steps = own["cooldown_steps"]
    else:
        return total_steps  # the whole curve is stretched over the run, or there is no end to it
    # the warm-up does not depend on the end either
    return max(int(total_steps - decay_steps), min(warmup_steps, total_steps))


def extended_schedule(
    make: Callable[[int], Schedule],
    make_trunk: Callable[[int], int],
    history: History,
    total_steps: int,
    end: float = 0.0,
) -> Plan:
    """The schedule of a run that has been made longer once or several times.

    Args:
      make: updates of a run -> its schedule, as if it had never been extended.
      make_trunk: updates of a run -> where its decay begins, see `decay_start`.
      history: how it was extended; () if it was not.
      total_steps: updates as planned now.
      end: the lowest rate, where a cooldown ends.

    Raises:
      UserError: a constant rate or a cooldown from a rate of zero.
    """
    lengths = [total for total, _ in history]
    lengths.append(total_steps)
    first = lengths[0]
    plan = Plan(make(first), make_trunk(first))
    for (before, kind), after in zip(history, lengths[1:]):
        if kind == "restart":
            added = after - before
            restarted = _later(make(added), before)
            plan = _joined(plan, before, restarted, before + make_trunk(added))
            continue
        begin = plan.trunk
        level = float(plan.rate(begin))
        if level <= end:
            raise UserError(
                f"the learning rate is {level:g} where the run of {before} steps ends: "
                f"--extend={kind} has nothing to go on from\n"
                "give --extend=restart, or --extend for the schedule of the longer run"
            )
        if kind == "constant":
            plan = _joined(plan, begin, _straight(begin, after, level, level), after)
        else:
            plan = _joined(plan, begin, _straight(begin, after, level, end), begin)
    return plan


def _later(schedule: Schedule, begin: int) -> Schedule:
    """The schedule, begun at update `begin`."""
    return lambda count: schedule(jnp.asarray(count) - begin)


def _straight(begin: int, after: int, level: float, end: float) -> Schedule:
    """A straight line from `level` at update `begin` to `end` at update `after`."""

    def rate(count: jax.typing.ArrayLike) -> jax.Array:
        t = jnp.asarray(count).astype(float)  # float64 under jax_enable_x64
        share = jnp.clip((t - begin) / max(after - begin, 1), 0, 1)
        return level + (end - level) * share

    return rate


def _joined(before: Plan, begin: int, following: Schedule, trunk: int) -> Plan:
    """`before` up to update `begin`, `following` from there on."""

    def rate(count: jax.typing.ArrayLike) -> jax.Array:
        count = jnp.asarray(count)
        return jnp.where(count < begin, before.rate(count), following(count))

    return Plan(rate, trunk)
