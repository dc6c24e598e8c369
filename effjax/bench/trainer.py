"""Trains every trial of a benchmark that has no row yet, group by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from effjax.bench.grouping import alike, make_program
from effjax.bench.program import run_program
from effjax.bench.recipes import run_recipe
from effjax.bench.results import ResultsFolder
from effjax.bench.rows import FAILED, Row, failed_row, make_row
from effjax.bench.tuning import OptimizerTrial, make_trials
from effjax.bench.update_cost import update_cost
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.errors import Preempted, UserError
from effjax.report import Display
from effjax.trials.json_files import is_disk_full

RUNS = "runs"  # folders of recipes' runs, below the benchmark's


def run_missing(
    view: View,
    optimizers: Sequence[str],
    workloads: Sequence[Workload],
    results: ResultsFolder,
    display: Display,
) -> None:
    """Trains what has no row; each group's rows are written as soon as they are there.

    Raises:
      Preempted: the process was asked to stop; the same command continues.
      UserError: the disk is full.
    """
    groups = []
    for workload in workloads:
        for label in optimizers:
            schedule = workload.config.schedule
            trials = make_trials(label, view.optimizers[label], view.tuning, schedule)
            groups.append(TrialGroup(workload, trials, view.population, results, display))
    total = sum(len(group.trials) for group in groups)
    made = total - sum(len(group.missing(group.trials)) for group in groups)
    display.line(f"{total} trials, {made} of them are there")
    if made == total:  # before anything is compiled
        return
    display.start(total, made, unit="trial")
    for group in groups:
        for rows in group.run():
            # at once: what is killed now is continued from here
            results.append(rows)
            made += len(rows)
            _warn_of_failure(rows, display)
            display.update(made, {})


def _warn_of_failure(rows: Sequence[Row], display: Display) -> None:
    """The first reason alone: trials of a group mostly fail in the same way."""
    for row in rows:
        if row["status"] == FAILED:
            display.warn(f"{row['workload']}, {row['optimizer']}: {row['reason']}")
            return


@dataclass
class TrialGroup:
    """The trials of one optimizer on one workload."""

    workload: Workload
    trials: Sequence[OptimizerTrial]
    population: View
    results: ResultsFolder
    display: Display

    def __post_init__(self) -> None:
        self._identity = {**self.workload.identity, "machine": self.results.machine}
        # as it was when the command began: `results` grows while groups are trained
        self._done = self.results.keys()

    def missing(self, trials: Sequence[OptimizerTrial]) -> list[OptimizerTrial]:
        """Those of some trials that had no row when the command began."""
        problem = self._identity["problem_hash"]
        return [trial for trial in trials if trial.key(problem) not in self._done]

    def run(self) -> Iterator[list[Row]]:
        """Rows of the trials that are missing, in parts."""
        if not self.missing(self.trials):
            return
        if self.workload.problem is None:
            yield from self._run_recipes()
            return
        # whatever an optimizer raises is a row, and the others are compared all the same
        try:
            parts = alike(self.trials, self.workload.config)
        except Exception as error:
            yield self._failed(self.trials, error)
            return
        for part in parts:
            if self.missing(part):
                yield from self._run_alike(part)

    def _run_recipes(self) -> Iterator[list[Row]]:
        folder = self.results.folder / RUNS
        for trial in self.missing(self.trials):
            try:
                curves = run_recipe(self.workload.config, trial, folder, self.display)
                yield [make_row(trial, self._identity, curves, 0, {})]
            except Preempted:  # a stop is no failure of the trial
                raise
            except Exception as error:
                yield self._failed([trial], error)

    def _run_alike(self, trials: Sequence[OptimizerTrial]) -> Iterator[list[Row]]:
        """Trains one program's trials, `width` at a time.

        Trials are grouped as if none had a row, so that a rerun computes what a first run would.
        """
        workload = self.workload
        display = self.display
        display.waiting(f"compiling {workload.label}, {trials[0].variant}")
        try:
            program = make_program(workload, self.population, trials, self.results, display)
            facts = update_cost(workload.problem, program.member.recipe, trials[0], workload.timed)
        except Exception as error:
            yield self._failed(trials, error)
            return
        for start in range(0, len(trials), program.width):
            part = trials[start : start + program.width]
            wanted = self.missing(part)
            if not wanted:
                continue
            display.waiting(f"{workload.label}, {part[0].variant}, {len(part)} trials")
            try:
                curves = run_program(program, part)
            except Exception as error:
                yield self._failed(part, error)
                continue
            # known only now: compilation happens at the first call
            facts["program_compile_seconds"] = round(program.compile_seconds, 3)
            facts["memory_bytes"] = program.bytes_of_one()
            rows = []
            for place, trial in enumerate(part):
                # those that had a row were trained again beside the others, and are left out
                if trial in wanted:
                    rows.append(make_row(trial, self._identity, curves, place, facts))
            yield rows

    def _failed(self, trials: Sequence[OptimizerTrial], error: Exception) -> list[Row]:
        """Failed rows; a full disk is no fault of the trials and ends the benchmark."""
        if is_disk_full(error):
            raise UserError(
                f"cannot write to {self.results.folder}: the disk is full\n"
                "make room, then the same command continues"
            ) from error
        return [failed_row(trial, self._identity, error) for trial in self.missing(trials)]
