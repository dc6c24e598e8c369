"""Rows from runs of `effjax train`: variants of a sweep, each with several seeds."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from effjax.claims.command import WORKDIR, as_words, run
from effjax.claims.place import Place
from effjax.claims.row import Row, new_row
from effjax.errors import UserError
from effjax.report import Display
from effjax.report.metric_names import less_is_better
from effjax.trials.outcome import read_result
from effjax.trials.plan import make_trial, read_sweep
from effjax.trials.runners import run_here
from effjax.trials.worker import is_over


@dataclasses.dataclass(frozen=True)
class Trainings:
    """The variants of a sweep that are called as the arms of the question.

    Attributes:
      config: `path.py[:arg]` with a `sweep()`.
      metric: at the end of a run.
      seeds: how many, from 0 on.
      minutes: of all runs together.
      data: the data set of all runs; "": what the config says.
      settings: further keys of the config, for all runs.
      readings: {arm: [variant, metric]}, for an arm that is another metric of a variant's runs, as
        what an untrained network reaches.
      first: a command that has to be run before, as the training of a classifier that judges;
        WORKDIR stands for the claim's folder, there and in `settings`; "": none.
    """

    config: str
    metric: str
    seeds: int
    minutes: float
    data: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    readings: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    first: str = ""

    @property
    def less_is_better(self) -> bool:
        """Of the metric, as its name says."""
        return less_is_better(self.metric)

    def planned(self, arms: Sequence[str]) -> int:
        """How many rows there are in the end."""
        return self.seeds * len(arms)

    def measure(
        self, arms: Sequence[str], known: Sequence[Row], place: Place, display: Display
    ) -> Iterator[Row]:
        """Trains what has no row yet, seed by seed, so that pairs are whole early.

        Raises:
          Preempted: the process was asked to stop; the same command continues.
          UserError: an arm that is no variant, or anything else that the user can mend.
        """
        variants = read_sweep(self.config).named()
        for arm in arms:
            variant, _ = self._read_from(arm)
            if variant not in variants:
                named = ", ".join(variants)
                raise UserError(f"{self.config} has no variant {variant!r}; it has {named}")
        common = {key: _at(value, place) for key, value in self.settings.items()}
        if self.data:
            common["data.name"] = place.data_set(self.data)
        have = {(row.arm, row.pair) for row in known}
        if self.first and len(have) < self.planned(arms):
            run(as_words(self.first, place), display)
        for seed in range(self.seeds):
            for arm in arms:
                if (arm, str(seed)) in have:
                    continue
                variant, metric = self._read_from(arm)
                point = {**common, **variants[variant]}
                trial = make_trial(self.config, (), variant, point, seed, place.workdir)
                # two arms may read the same run
                if not is_over(trial.workdir):
                    run_here([trial], 1, display)
                result = read_result(trial, metric)
                yield new_row(place.size, arm, str(seed), result.value, result.reason)

    def _read_from(self, arm: str) -> tuple[str, str]:
        """(variant, metric) of an arm."""
        variant, metric = self.readings.get(arm, (arm, self.metric))
        return variant, metric


def _at(value: Any, place: Place) -> Any:
    """A setting, with the claim's folder in its text."""
    if not isinstance(value, str):
        return value
    return value.replace(WORKDIR, str(place.workdir))
