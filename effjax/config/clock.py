"""Durations: steps, epochs, examples or a percentage of the run, all turned into steps."""

import dataclasses
from typing import Any

from effjax.config.schema import UNITS
from effjax.errors import UserError

MOST_STEPS = 2**31 - 2  # steps are counted in int32


@dataclasses.dataclass(frozen=True)
class Clock:
    """Converts durations into steps: the global batch, the images of an epoch, the whole run."""

    batch_size: int
    epoch_examples: int
    total_steps: int | None = None

    def steps(self, section: Any, name: str, default: int | None = None) -> int | None:
        """The steps of `<name>_<unit>` in a section, whichever unit is set; else `default`.

        Raises:
          UserError: a negative or endless duration, or a percentage of a total that is asked for.
        """
        for unit in UNITS:
            value = section[f"{name}_{unit}"]
            if value is None:
                continue
            if not value >= 0:  # NaN too
                raise UserError(f"{name}_{unit} = {value:g} is negative; give 0 or more")
            if unit == "percent" and self.total_steps is None:
                raise UserError(f"{name}_percent has no total to be a part of; use {name}_epochs")
            steps = value * self._steps_per(unit)
            if steps > MOST_STEPS:
                raise UserError(
                    f"{name}_{unit} = {value:g} is too long: at most {MOST_STEPS} steps"
                )
            return round(steps)
        return default

    def in_steps(self, value: float, unit: str) -> int:
        """So many steps, epochs, examples or percent of the run as steps."""
        return round(value * self._steps_per(unit))

    def _steps_per(self, unit: str) -> float:
        if unit == "steps":
            return 1.0
        if unit == "examples":
            return 1.0 / self.batch_size
        if unit == "epochs":
            # whole batches: an epoch leaves out the examples that do not fill one
            return max(1, self.epoch_examples // self.batch_size)
        return self.total_steps / 100.0
