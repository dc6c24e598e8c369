"""The learning rate over a run, as `config.schedule` describes it."""

import dataclasses

from effjax import optim
from effjax.config import Clock, View
from effjax.errors import UserError


def make_plan(schedule: View, clock: Clock, peak: float) -> optim.Plan:
    """The learning rate over the run that a section `schedule` describes.

    Args:
      clock: of the run; knows its total.
      peak: the highest rate.

    Raises:
      UserError: a wrong name or value.
    """
    # read by the clock below; what is left of the section is the schedule's own
    units = [key for key in schedule if key.startswith("warmup_") and key != "warmup_init"]
    fields = schedule.extras("name", "extended", *units)

    def warmup_of(steps: int) -> int:
        warmup = dataclasses.replace(clock, total_steps=steps).steps(schedule, "warmup", 0)
        if warmup > steps:
            raise UserError(
                f"warm-up takes {warmup} steps of a run of {steps}\n"
                f"shorten it: --config.schedule.warmup_steps={steps // 10}"
            )
        return warmup

    def make(steps: int) -> optim.Schedule:
        return optim.create_schedule(
            schedule.name, peak=peak, total_steps=steps, warmup_steps=warmup_of(steps), **fields
        )

    def make_trunk(steps: int) -> int:
        return optim.decay_start(schedule.name, steps, warmup_of(steps), fields)

    end = min(fields.get("end", 0.0), peak)
    return optim.extended_schedule(make, make_trunk, schedule.extended, clock.total_steps, end)
