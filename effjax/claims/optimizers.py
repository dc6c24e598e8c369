"""Rows from `effjax bench`: steps to a target, or the end, each optimizer at its best setting."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from effjax.bench import BenchConfig, bench
from effjax.bench.results import read_rows
from effjax.bench.rows import final_value
from effjax.bench.scoring import Scores
from effjax.bench.settings import Goal, row_time
from effjax.bench.tuning import planned_rows
from effjax.claims.place import Place
from effjax.claims.row import Row, new_row
from effjax.config import View, load
from effjax.report import Display


@dataclasses.dataclass(frozen=True)
class Optimizers:
    """Entries of a bench that are called as the arms of the question.

    Attributes:
      config: of the bench.
      minutes: of both optimizers, as measured.
      measured: "steps" to the workload's target, or "end": its metric after the last step.
    """

    config: str
    minutes: float
    measured: Literal["steps", "end"] = "steps"

    less_is_better = True

    @property
    def metric(self) -> str:
        """What a row's value is."""
        return "steps to the target" if self.measured == "steps" else "the metric at the end"

    def planned(self, arms: Sequence[str]) -> int:
        """How many rows there are in the end."""
        config = load(self.config, (), BenchConfig)
        return len(arms) * len(config.workloads) * len(config.tuning.seeds)

    def measure(
        self, arms: Sequence[str], known: Sequence[Row], place: Place, display: Display
    ) -> Iterator[Row]:
        """Trains what the bench's folder lacks, and reads it.

        Raises:
          UserError: anything that the user can mend.
        """
        if len(known) >= self.planned(arms):
            return
        config = load(self.config, (), BenchConfig)
        if place.data is not None:
            config.data_dir = str(place.data)
        # one folder for all claims of a bench: their reference is trained once
        folder = place.workdir.parent / Path(self.config).stem
        bench(config, folder, only=arms, display=display)
        have = {(row.arm, row.pair) for row in known}
        for row in self.read(arms, folder, place.size):
            if (row.arm, row.pair) not in have:
                yield row

    def read(self, arms: Sequence[str], folder: Path, size: str) -> Iterator[Row]:
        """Values by workload and seed; a miss is one step more than the workload has."""
        config = load(self.config, (), BenchConfig)
        goals = {}
        for name, one in config.workloads.items():
            goals[name] = Goal(one.metric, one.target, one.max_steps, one.batch_size)
        rows = planned_rows(View(config), read_rows(folder))
        scores = Scores(rows, goals, config.reference)
        for workload in scores.aimed():
            goal = goals[workload]
            for arm in arms:
                best = scores.best(workload, arm)
                if best is None:
                    continue
                for seed, row in sorted(best.rows.items()):
                    if self.measured == "steps":
                        value = min(row_time(row, goal), goal.max_steps + 1.0)
                    else:
                        value = final_value(row, goal.metric)
                    yield new_row(size, arm, f"{workload} {seed}", value)
